import { LRUCache } from 'lru-cache'
import type { FastifyBaseLogger } from 'fastify'
import { hash } from 'node:crypto'
import { atMost } from '../lru.js'
import { clientLeft, type Signals } from '../signals.js'
import { isProbe } from './health.js'

/**
 * One line per request and one per WebSocket that is over: its route, never its address, which may hold a code, a state or a token. `sample` is
 * the share of requests without an error that are written; `log` is for what belongs to no request.
 */
export function writeLog (signals: Signals, sample: number, log: FastifyBaseLogger): void {
  signals.on('answered', (request, reply, aborted) => {
    // Node's own status is none of an answer that was not given.
    const status = aborted && !reply.raw.headersSent ? clientLeft : reply.statusCode
    const { routeFamily: route } = request
    const level = levelOf(route, status)
    if (level === 'info' && sample < 1 && Math.random() >= sample) return
    // Public paths have no session, and where nothing asked for it the cookie stays closed.
    const session = (request.qlikSession as typeof request.qlikSession | undefined)?.opened
    // What is undefined is not written.
    request.log[level]({
      method: request.method,
      route,
      status,
      aborted: aborted || undefined,
      code: request.refusal?.code,
      upstream: request.refusal?.upstream,
      milliseconds: Math.round(reply.elapsedTime),
      tenantMilliseconds: request.tenantMilliseconds === undefined ? undefined : Math.round(request.tenantMilliseconds),
      session: session === undefined ? undefined : referenceOf(session.id),
      client: request.ip
    }, 'request')
  })

  signals.on('socketClosed', ({ log, traceId, sessionId, milliseconds, tenantMilliseconds, ...life }) => {
    log.info({ route: '/app', ...life, milliseconds: Math.round(milliseconds), tenantMilliseconds: Math.round(tenantMilliseconds), session: referenceOf(sessionId) }, 'socket')
  })

  // Of one socket a client can have as many refused as it likes.
  const denials = new WeakMap<object, number>()
  signals.on('denied', ({ rule, log, sessionId, method, path }) => {
    const count = (denials.get(log) ?? 0) + 1
    denials.set(log, count)
    if (count > mostDenials) return
    log.warn({ rule, method, path: path.slice(0, longestPath), session: sessionId === undefined ? undefined : referenceOf(sessionId) }, 'denied by policy')
  })

  let silent = false
  signals.on('tenantAnswered', ({ call }, status) => {
    if (silent === (status === 0)) return
    silent = !silent
    if (silent) log.warn({ call }, 'the tenant does not answer: see docs/troubleshooting.md')
    else log.info({ call }, 'the tenant answers again')
  })

  // Each session that is due would say the same.
  let tellAt = 0
  signals.on('tokenRefused', (by, { message }) => {
    if (by !== 'client' || performance.now() < tellAt) return
    tellAt = performance.now() + clientRefusedEveryMs
    log.error({ failure: message }, 'the tenant does not accept the OAuth client: check QLIK_CLIENT_ID and its secret or key; sessions stay')
  })

  signals.on('listenerFailed', (signal, error) => { log.error({ signal, ...describeFailure(error) }, 'a listener of a signal failed') })
}

const mostDenials = 20
// Enough for every call of Qlik's APIs; what is longer was made up.
const longestPath = 256
const clientRefusedEveryMs = 60_000

/** What a log tells of anything that was thrown. */
export function describeFailure (error: unknown): { failure: string, stack?: string | undefined } {
  return error instanceof Error ? { failure: error.message, stack: error.stack } : { failure: String(error) }
}

/** A gateway that drains fails its probes on purpose. */
function levelOf (route: string, status: number): 'debug' | 'info' | 'warn' | 'error' {
  if (isProbe(route)) return 'debug'
  if (status >= 500) return 'error'
  return status >= 400 && status !== clientLeft ? 'warn' : 'info'
}

const references = new LRUCache<string, string>({ ...atMost(10_000), memoMethod: sessionId => hash('sha256', sessionId, 'base64url').slice(0, 12) })

/** What leads from one line of a session to its others, and not to the session: its id is random, and this a part of its hash. */
function referenceOf (sessionId: string): string {
  return references.memo(sessionId)
}
