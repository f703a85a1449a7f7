import type { FastifyBaseLogger } from 'fastify'
import type { Socket } from 'node:net'
import type { EndedSessions } from '../session/ended.js'
import type { UsedSessions } from '../session/used.js'
import type { Signals } from '../signals.js'
import { closeLoginEnded, closeResumable, splice, type Splice, type SpliceOptions } from './splice.js'

/** The WebSockets that are open, so that their session counts as used, and that they end with it and when the gateway drains. */
export interface Sockets {
  /** Joins two connections for as long as the session lives. */
  open (options: Omit<SpliceOptions, 'onClosed'>, session: { id: string, endsAt: number }, log: FastifyBaseLogger): void
  /** Closes all with the code after which Qlik's clients resume elsewhere, and stops watching. */
  drain (): void
}

const sweepMs = 1_000

export function createSockets (ended: EndedSessions, used: UsedSessions, now: () => number, signals: Signals): Sockets {
  const sockets = new Map<Splice, { endsAt: number }>()

  const end = (socket: Splice) => { socket.close(closeLoginEnded, 'The login has ended.') }

  // One timer for all: a timer of its own could not reach further than 24 days, and each costs memory.
  const sweep = setInterval(() => {
    for (const [socket, { endsAt }] of sockets) if (endsAt <= now()) end(socket)
  }, sweepMs).unref()

  return {
    open (options, { id, endsAt }, log) {
      const openedAt = performance.now()
      const browser = options.browser as Socket
      const { bytesRead, bytesWritten } = browser
      const unlisten = ended.listen(id, () => { end(socket) })
      const release = used.hold(id)
      const socket = splice({
        ...options,
        onClosed (by, code) {
          unlisten()
          release()
          sockets.delete(socket)
          signals.emit('socketClosed', {
            by,
            code,
            sessionId: id,
            log,
            milliseconds: performance.now() - openedAt,
            bytesFromClient: browser.bytesRead - bytesRead,
            bytesToClient: browser.bytesWritten - bytesWritten
          })
        }
      })
      sockets.set(socket, { endsAt })
      signals.emit('socketOpened')
    },
    drain () {
      clearInterval(sweep)
      for (const socket of sockets.keys()) socket.close(closeResumable, 'The gateway is restarting.')
    }
  }
}
