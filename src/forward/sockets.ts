import type { EndedSessions } from '../session/ended.js'
import type { UsedSessions } from '../session/used.js'
import { closeLoginEnded, closeResumable, splice, type Splice, type SpliceOptions } from './splice.js'

/** The WebSockets that are open, so that their session counts as used, and that they end with it and when the gateway drains. */
export interface Sockets {
  /** Joins two connections for as long as the session lives. */
  open (options: Omit<SpliceOptions, 'onClosed'>, session: { id: string, endsAt: number }): void
  /** Closes all with the code after which Qlik's clients resume elsewhere, and stops watching. */
  drain (): void
}

const sweepMs = 1_000

export function createSockets (ended: EndedSessions, used: UsedSessions, now: () => number): Sockets {
  const sockets = new Map<Splice, { endsAt: number }>()

  const end = (socket: Splice) => { socket.close(closeLoginEnded, 'The login has ended.') }

  // One timer for all: a timer of its own could not reach further than 24 days, and each costs memory.
  const sweep = setInterval(() => {
    for (const [socket, { endsAt }] of sockets) if (endsAt <= now()) end(socket)
  }, sweepMs).unref()

  return {
    open (options, { id, endsAt }) {
      const unlisten = ended.listen(id, () => { end(socket) })
      const release = used.hold(id)
      const socket = splice({
        ...options,
        onClosed () {
          unlisten()
          release()
          sockets.delete(socket)
        }
      })
      sockets.set(socket, { endsAt })
    },
    drain () {
      clearInterval(sweep)
      for (const socket of sockets.keys()) socket.close(closeResumable, 'The gateway is restarting.')
    }
  }
}
