import { LRUCache } from 'lru-cache'
import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import type { ErrorCode } from '../errors.js'
import { atMost } from '../lru.js'
import type { EndReason, PolicyRule, Signals } from '../signals.js'
import { nameOf } from '../tenants/tenant.js'
import { referenceOf } from './session-reference.js'

/**
 * The version of the audit lines. It changes when a field or value is removed or changes its meaning, not when one is
 * added.
 */
const auditVersion = 1

interface AuditLine {
  /** The tenant's configured name, if there are several. */
  tenant: string | undefined
  event: 'sign-in' | 'sign-in-refused' | 'sign-out' | 'session-ended' | 'request-refused' | 'policy-denied' | 'provisioned'
  reason?: EndReason | ErrorCode | PolicyRule | undefined
  /** A reference to the session, as in the lines of requests and sockets. */
  session?: string | undefined
  /** The signed-in user, if LOG_USERS is set. */
  subject?: string | undefined
  client?: string | undefined
  /** The method of the refused request. */
  method?: string | undefined
  route?: string | undefined
  path?: string | undefined
}

const signInRoutes = new Set(['/login', '/login/callback', '/gateway/handover', '/gateway/assertion'])
// These are no attempts at anything: a prefetch, or a page that only asks.
const noAttempts: readonly ErrorCode[] = ['GW-SPECULATION', 'GW-METHOD', 'GW-NOT-FOUND']
const forgeries: readonly ErrorCode[] = ['GW-FOREIGN-ORIGIN', 'GW-CSRF-TOKEN', 'GW-STATEMENT']

// If the host application or its ingress names the user, any request without a session is a sign-in.
const unknownUsers: readonly ErrorCode[] = ['GW-STATEMENT', 'GW-USER-REFUSED']

function judgeRefusal ({ routeFamily, qlikSession }: FastifyRequest, code: ErrorCode): 'sign-in-refused' | 'request-refused' | undefined {
  const signsIn = signInRoutes.has(routeFamily) || (unknownUsers.includes(code) && qlikSession.opened === undefined)
  if (signsIn) return 'sign-in-refused'
  return forgeries.includes(code) ? 'request-refused' : undefined
}

const mostDenials = 20
// Longer than any call of Qlik's APIs. A longer path was made up.
const longestPath = 256

/**
 * Writes one line for each sign-in, sign-out, end of a session, refusal and denial. docs/operations.md documents the
 * fields.
 */
export function writeAudit (signals: Signals, logUsers: boolean): void {
  const named = (subject: string | undefined) => logUsers ? subject : undefined

  function write (log: FastifyBaseLogger, level: 'info' | 'warn', line: AuditLine): void {
    // Undefined fields are omitted.
    log[level]({ audit: auditVersion, ...line }, 'audit')
  }

  // A browser sends the cookie of an ended session with each request.
  const ended = new LRUCache<string, true>(atMost(10_000))
  signals.on('session', ({ event, reason, sessionId, subject, log, client }, tenant) => {
    if (event !== 'sign-in' && ended.has(sessionId)) return
    if (event !== 'sign-in') ended.set(sessionId, true)
    write(log, 'info', { tenant, event, reason, session: referenceOf(sessionId), subject: named(subject), client })
  })

  signals.on('provisioned', (subject, log, tenant) => { write(log, 'info', { tenant, event: 'provisioned', subject: named(subject) }) })

  signals.on('answered', request => {
    const { refusal, routeFamily: route, method, log, ip: client } = request
    if (refusal === undefined || noAttempts.includes(refusal.code)) return
    const refused = judgeRefusal(request, refusal.code)
    if (refused !== undefined) write(log, 'warn', { tenant: nameOf(request), event: refused, reason: refusal.code, method, route, client })
  })

  // On one socket a client can cause any number of denials.
  const denials = new WeakMap<object, number>()
  signals.on('denied', ({ rule, log, sessionId, subject, method, path }, tenant) => {
    const count = (denials.get(log) ?? 0) + 1
    denials.set(log, count)
    if (count > mostDenials) return
    const session = sessionId === undefined ? undefined : referenceOf(sessionId)
    write(
      log,
      'warn',
      { tenant, event: 'policy-denied', reason: rule, method, path: path.slice(0, longestPath), session, subject: named(subject) }
    )
  })
}
