import type { FastifyBaseLogger } from 'fastify'
import { clientLeft, type Signals } from '../signals.js'
import { nameOf } from '../tenants/tenant.js'
import { writeAudit } from './audit.js'
import { isProbe } from './health.js'
import { referenceOf } from './session-reference.js'

export interface LogOptions {
  /** The fraction of requests without an error that are logged. */
  sample: number
  /** Whether lines name the user. */
  users: boolean
  /** For lines that belong to no request. */
  log: FastifyBaseLogger
}

/**
 * Writes one line for each request and for each closed WebSocket. They contain the route but never the address, which
 * may include a code, a state or a token. The audit lines go to the same log.
 */
export function writeLog (signals: Signals, { sample, users, log }: LogOptions): void {
  writeAudit(signals, users)
  signals.on('answered', (request, reply, aborted) => {
    // If no answer was sent, the status that Node holds is meaningless.
    const status = aborted && !reply.raw.headersSent ? clientLeft : reply.statusCode
    const { routeFamily: route } = request
    const level = levelOf(route, status)
    if (level === 'info' && sample < 1 && Math.random() >= sample) return
    // Public paths have no session. If nothing needed the session, its cookie is not opened for the log.
    const session = (request.qlikSession as typeof request.qlikSession | undefined)?.opened
    // Undefined fields are omitted.
    request.log[level]({
      tenant: nameOf(request),
      method: request.method,
      route,
      status,
      aborted: aborted || undefined,
      code: request.refusal?.code,
      upstream: request.refusal?.upstream,
      milliseconds: Math.round(reply.elapsedTime),
      tenantMilliseconds: request.tenantMilliseconds === undefined ? undefined : Math.round(request.tenantMilliseconds),
      session: session === undefined ? undefined : referenceOf(session.id),
      subject: users ? session?.subject : undefined,
      client: request.ip
    }, 'request')
  })

  signals.on('socketClosed', ({ log, traceId, sessionId, subject, milliseconds, tenantMilliseconds, ...life }, tenant) => {
    log.info({
      tenant,
      route: '/app',
      ...life,
      milliseconds: Math.round(milliseconds),
      tenantMilliseconds: Math.round(tenantMilliseconds),
      session: referenceOf(sessionId),
      subject: users ? subject : undefined
    }, 'socket')
  })

  const silent = new Set<string | undefined>()
  signals.on('tenantAnswered', ({ call }, status, _milliseconds, tenant) => {
    if (silent.has(tenant) === (status === 0)) return
    if (silent.delete(tenant)) {
      log.info({ tenant, call }, 'the tenant answers again')
    } else {
      silent.add(tenant)
      log.warn({ tenant, call }, 'the tenant does not answer: see docs/troubleshooting.md')
    }
  })

  // Every session whose token is due would cause the same line.
  const tellAt = new Map<string | undefined, number>()
  signals.on('tokenRefused', (by, { message }, tenant) => {
    if (by !== 'client' || performance.now() < (tellAt.get(tenant) ?? 0)) return
    tellAt.set(tenant, performance.now() + clientRefusedEveryMs)
    log.error(
      { tenant, failure: message }, 'the tenant does not accept the OAuth client: check its id and its secret or key; sessions stay'
    )
  })

  signals.on('listenerFailed', (signal, error) => { log.error({ signal, ...describeFailure(error) }, 'a listener of a signal failed') })
}

const clientRefusedEveryMs = 60_000

/** What the log says about anything that was thrown. */
export function describeFailure (error: unknown): { failure: string, stack?: string | undefined } {
  return error instanceof Error ? { failure: error.message, stack: error.stack } : { failure: String(error) }
}

/** A draining gateway fails its probes on purpose. */
function levelOf (route: string, status: number): 'debug' | 'info' | 'warn' | 'error' {
  if (isProbe(route)) return 'debug'
  if (status >= 500) return 'error'
  return status >= 400 && status !== clientLeft ? 'warn' : 'info'
}
