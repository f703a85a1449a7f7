import type { FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import { PassThrough } from 'node:stream'
import { GatewayError } from '../errors.js'
import type { SessionSettings } from './session-settings.js'
import type { Session } from './record.js'

export interface SessionEventOptions {
  /** Counts the streams of each session; raises an error if there are too many. */
  limit: { acquire: (sessionId: string, until: FastifyReply['raw']) => void }
}

const sweepMs = 1_000
// Proxies commonly close a connection that is silent for a minute, some after 30 seconds.
const heartbeatMs = 20_000
const longestWarningMs = 300_000
const dayMs = 86_400_000

/** How long before its end a session is announced as expiring: five minutes, or a tenth of its lifetime if that is shorter. */
function warningMs (maxMs: number): number {
  return Math.min(longestWarningMs, maxMs / 10)
}

/**
 * GET /gateway/events, a stream of server-sent events: `expiring` before the absolute end of the session, and
 * `signed-out` when it is over. A page that connects with an ended session gets `signed-out` at once. A stream does not
 * count as use of the session. It ends when the gateway drains, and browsers connect again by themselves.
 */
export const sessionEventRoute = fp<SessionEventOptions>(async (app, { limit }) => {
  const streams = new Map<PassThrough, { settings: SessionSettings, session: Session, warned: boolean, spokeAt: number }>()

  // One timer for all streams. A timer for each could not last longer than 24 days.
  const sweep = setInterval(() => {
    for (const [stream, state] of streams) {
      const { settings: { now, limits, lastUse, renewed }, session } = state
      const createdAt = Math.max(session.createdAt, renewed.last(session.id).createdAt)
      const endsAt = createdAt + limits.maxMs
      const usedAt = Math.max(session.usedAt, createdAt, lastUse(session.id))
      if (endsAt <= now()) {
        stream.end(signedOut)
      } else if (usedAt + limits.idleMs <= now()) {
        // This process knows of no use, but the browser may have a newer cookie. It connects again and sends that.
        stream.end()
      } else if (!state.warned && endsAt - warningMs(limits.maxMs) <= now()) {
        state.warned = true
        stream.write(`event: expiring\ndata: ${JSON.stringify({ expiresAt: new Date(endsAt).toISOString() })}\n\n`)
      } else if (Math.abs(now() - state.spokeAt) >= heartbeatMs) {
        // A clock that was set back does not silence the stream until it has caught up.
        state.spokeAt = now()
        stream.write(':\n\n')
      }
    }
  }, sweepMs).unref()

  app.addHook('preClose', async () => {
    clearInterval(sweep)
    for (const stream of streams.keys()) stream.end()
  })

  // The answer to a HEAD would be a stream that nothing is ever written to, and that never ends.
  app.get('/gateway/events', { exposeHeadRoute: false }, async (request, reply) => {
    const session = request.qlikSession.peek()
    if (session === undefined) {
      if (request.qlikSession.all().length === 0) throw new GatewayError('GW-NO-SESSION')
      // The page was not connected when its session ended. `retry` keeps the browser from connecting again soon.
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
}, { name: 'session-events', fastify: '5.x', encapsulate: true, dependencies: ['admission', 'session'] })

// `x-accel-buffering` keeps nginx from buffering the stream.
const streamHeaders = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' }
const signedOut = 'event: signed-out\ndata: {}\n\n'
