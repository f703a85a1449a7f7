import type { FastifyRequest } from 'fastify'
import type { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import type { Session } from '../session/record.js'
import type { TenantSessions } from '../tenants/tenant.js'
import { closeLoginEnded, closeResumable } from './close-codes.js'
import { Splice, type SpliceOptions } from './splice.js'

/** The WebSockets that are open, so that their session counts as used, and that they end with it and when the gateway drains. */
export interface Sockets {
  /** Joins two connections for as long as the session lives; of the request only what is told of the socket is kept. */
  open (
    options: Omit<SpliceOptions, 'onClosed'>,
    session: Session,
    settings: TenantSessions,
    request: Pick<FastifyRequest, 'id' | 'log' | 'tenantMilliseconds'>
  ): void
  /** From now on all are closed and none is to be opened. */
  readonly draining: boolean
  /**
   * Closes all, one after another within so long, with the code after which Qlik's clients resume. Resolves when each
   * was told, and had the time to ask whether anybody is there.
   */
  drain (withinMs: number): Promise<void>
}

const sweepMs = 1_000
// One socket in each is no crowd: few need not wait for the whole time that many are spread over.
const tickMs = 20
// Qlik's client asks once, at once, and gives up where no connection is taken: any answer but a 401 has it try for twenty seconds.
const probeMs = 500

export function createSockets (): Sockets {
  const sockets = new Map<Splice, () => boolean>()

  let draining = false

  const end = (socket: Splice) => { socket.close(closeLoginEnded, 'The login has ended.') }
  const resume = (socket: Splice) => { socket.close(closeResumable, 'The gateway is restarting.') }

  // One timer for all: a timer of its own could not reach further than 24 days, and each costs memory.
  const sweep = setInterval(() => {
    for (const [socket, isOver] of sockets) {
      if (isOver()) end(socket)
      socket.endHeld(performance.now())
    }
  }, sweepMs).unref()

  return {
    get draining () { return draining },
    open (options, { id, createdAt, subject }, { ended, renewed, used, limits, now, signals }, { id: traceId, log, tenantMilliseconds }) {
      const openedAt = performance.now()
      const browser = options.browser as Socket
      const { bytesRead, bytesWritten } = browser
      const unlisten = ended.listen(id, () => { end(socket) })
      const release = used.hold(id)
      const socket = new Splice({
        ...options,
        onClosed (by, code) {
          unlisten()
          release()
          sockets.delete(socket)
          signals.emit('socketClosed', {
            by,
            code,
            sessionId: id,
            subject,
            traceId,
            log,
            tenantMilliseconds: tenantMilliseconds as number,
            milliseconds: performance.now() - openedAt,
            bytesFromClient: browser.bytesRead - bytesRead,
            bytesToClient: browser.bytesWritten - bytesWritten
          })
        }
      })
      sockets.set(socket, () => Math.max(createdAt, renewed.last(id).createdAt) + limits.maxMs <= now())
      signals.emit('socketOpened', traceId)
      if (draining) resume(socket)
    },
    async drain (withinMs) {
      draining = true
      clearInterval(sweep)
      const waiting = [...sockets.keys()]
      if (waiting.length === 0) return
      const perTick = Math.ceil(waiting.length / Math.max(1, Math.floor(withinMs / tickMs)))
      while (waiting.length > 0) {
        for (const socket of waiting.splice(0, perTick)) resume(socket)
        await wait(tickMs)
      }
      await wait(probeMs)
    }
  }
}
