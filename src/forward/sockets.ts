import type { FastifyRequest } from 'fastify'
import type { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import type { Session } from '../session/record.js'
import type { TenantSessions } from '../tenants/tenant.js'
import { closeLoginEnded, closeResumable } from './close-codes.js'
import { Splice, type SpliceOptions } from './splice.js'

/** The open WebSockets. They count as use of their session, and end with it and when the gateway drains. */
export interface Sockets {
  /** Joins two connections for as long as the session lives. Only what signals need is kept of the request. */
  open (
    options: Omit<SpliceOptions, 'onClosed'>,
    session: Session,
    settings: TenantSessions,
    request: Pick<FastifyRequest, 'id' | 'log' | 'tenantMilliseconds'>
  ): void
  /** True once the gateway drains: all sockets are closed, and no new ones are opened. */
  readonly draining: boolean
  /**
   * Closes all sockets, spread over the given time, with the code after which Qlik's clients resume. Resolves when each
   * one has been closed and its client has had time to check whether the gateway is still there.
   */
  drain (withinMs: number): Promise<void>
}

const sweepMs = 1_000
// Closing one socket per tick is slow enough, so a few sockets do not need the whole time.
const tickMs = 20
// Qlik's client sends one request immediately, and gives up if it cannot connect. After any answer but a 401 it tries
// for twenty seconds.
const probeMs = 500

export function createSockets (): Sockets {
  const sockets = new Map<Splice, () => boolean>()

  let draining = false

  const end = (socket: Splice) => { socket.close(closeLoginEnded, 'The login has ended.') }
  const resume = (socket: Splice) => { socket.close(closeResumable, 'The gateway is restarting.') }

  // One timer for all sockets: timers are limited to 24 days, and one for each socket would cost memory.
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
