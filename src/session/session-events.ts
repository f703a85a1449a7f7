import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import { PassThrough } from 'node:stream'
import { GatewayError } from '../errors.js'
import type { SessionSettings } from './session-settings.js'
import type { Session } from './record.js'

export interface SessionEventOptions {
  /** Counts the streams of each session; raises an error where there are too many. */
  limit: { acquire: (sessionId: string, until: FastifyReply['raw']) => void }
}

const sweepMs = 1_000
// Proxies commonly cut a connection that is silent for a minute, some after 30 seconds.
const heartbeatMs = 20_000
const longestWarningMs = 300_000
const dayMs = 86_400_000

/** When a page hears that its session ends soon: five minutes before, or a tenth of its life when that is shorter. */
function warningMs (maxMs: number): number {
  return Math.min(longestWarningMs, maxMs / 10)
}

/**
 * GET /gateway/events, a stream of server-sent events: `expiring` before the absolute end of the session and `signed-out` when it is over, for
 * whoever comes later too.
 * A stream is no use of the session: it does not prolong it. When the gateway drains it ends, and browsers connect again by themselves.
 */
export const sessionEventRoute: FastifyPluginAsync<SessionEventOptions> = async (app, { limit }) => {
  const streams = new Map<PassThrough, { settings: SessionSettings, session: Session, warned: boolean, spokeAt: number }>()

  // One timer for all: a timer of its own could not reach further than 24 days.
  const sweep = setInterval(() => {
    for (const [stream, state] of streams) {
      const { settings: { now, limits, lastUse, renewed }, session } = state
      const createdAt = Math.max(session.createdAt, renewed.last(session.id).createdAt)
      const endsAt = createdAt + limits.maxMs
      const usedAt = Math.max(session.usedAt, createdAt, lastUse(session.id))
      if (endsAt <= now()) {
        stream.end(signedOut)
      } else if (usedAt + limits.idleMs <= now()) {
        // Not used as far as this stream knows. The browser connects again, and the cookie that it has by then says what is so.
        stream.end()
      } else if (!state.warned && endsAt - warningMs(limits.maxMs) <= now()) {
        state.warned = true
        stream.write(`event: expiring\ndata: ${JSON.stringify({ expiresAt: new Date(endsAt).toISOString() })}\n\n`)
      } else if (state.spokeAt + heartbeatMs <= now()) {
        state.spokeAt = now()
        stream.write(':\n\n')
      }
    }
  }, sweepMs).unref()

  app.addHook('preClose', async () => {
    clearInterval(sweep)
    for (const stream of streams.keys()) stream.end()
  })

  // A stream for HEAD would have no byte to write, and so no end.
  app.get('/gateway/events', { exposeHeadRoute: false }, async (request, reply) => {
    const session = request.qlikSession.peek()
    if (session === undefined) {
      if (request.qlikSession.all().length === 0) throw new GatewayError('GW-NO-SESSION')
      // A page that was not connected when its session ended hears of it now, and need not come again soon.
      return reply.headers(streamHeaders).send(`retry: ${dayMs}\n\n${signedOut}`)
    }
    limit.acquire(session.id, reply.raw)
    const stream = new PassThrough()
    const settings = request.tenant.sessions
    streams.set(stream, { settings, session, warned: false, spokeAt: settings.now() })
    const unlisten = settings.ended.listen(session.id, () => { stream.end(signedOut) })
    stream.once('close', () => {
      unlisten()
      streams.delete(stream)
    })
    stream.write('retry: 2000\n\n')
    return reply.headers(streamHeaders).send(stream)
  })

  app.head('/gateway/events', async (_request, reply) => {
    reply.header('allow', 'GET')
    throw new GatewayError('GW-METHOD')
  })
}

// Some proxies hold an answer back until it is complete.
const streamHeaders = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' }
const signedOut = 'event: signed-out\ndata: {}\n\n'
