import type { EndedSessions } from '../session/ended.js'
import { closeLoginEnded, closeResumable, splice, type Splice, type SpliceOptions } from './splice.js'

/** The WebSockets that are open, so that they can be ended with their session and when the gateway drains. */
export interface Sockets {
  /** Joins two connections for as long as the session lives. */
  open (options: Omit<SpliceOptions, 'onClosed'>, session: { id: string, endsAt: number }): void
  /** Closes all with the code after which Qlik's clients resume elsewhere. */
  drain (): void
  readonly size: number
}

// A longer delay would fire at once (a timer counts milliseconds in 31 bits).
const longestTimerMs = 2 ** 31 - 1

export function createSockets (ended: EndedSessions, now: () => number): Sockets {
  const sockets = new Set<Splice>()

  return {
    open (options, { id, endsAt }) {
      const end = () => { socket.close(closeLoginEnded, 'The login has ended.') }
      let timer: NodeJS.Timeout
      const arm = () => {
        timer = setTimeout(() => { if (now() >= endsAt) end(); else arm() }, Math.min(Math.max(endsAt - now(), 0), longestTimerMs))
        timer.unref()
      }
      const unlisten = ended.listen(id, end)
      const socket = splice({
        ...options,
        onClosed () {
          clearTimeout(timer)
          unlisten()
          sockets.delete(socket)
        }
      })
      arm()
      sockets.add(socket)
    },
    drain () {
      for (const socket of sockets) socket.close(closeResumable, 'The gateway is restarting.')
    },
    get size () { return sockets.size }
  }
}
