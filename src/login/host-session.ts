import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { isSafeMethod } from '../admission/origin.js'
import { isSpeculative } from '../admission/speculation.js'
import type { HostUser } from '../credentials/impersonation/host-user.js'
import type { Impersonation } from '../credentials/impersonation/impersonation.js'
import { GatewayError } from '../errors.js'
import { startSession, userOf, type Session } from '../session/record.js'
import type { EndReason } from '../signals.js'
import { beginSession } from './begin-session.js'

export interface HostSessionOptions {
  /** Refuses users who may not have a session. */
  requireAllowedUser: (request: FastifyRequest, session: Session) => Promise<void> | undefined
}

/**
 * Keeps the session in step with the user whom the host application or its ingress names. A session begins with that
 * user and ends before anything is forwarded when another user, or none, is named. Does nothing if pages send their own
 * statements.
 */
export const hostSessionPlugin = fp<HostSessionOptions>(async (app, options) => {
  app.addHook('onRequest', (request, _reply, done) => {
    const { impersonation } = request.tenant
    if (impersonation?.identify === undefined) done()
    else follow(request, impersonation, options).then(() => { done() }, done)
  })
}, { name: 'host-session', fastify: '5.x', dependencies: ['admission', 'session', 'access-token'] })

async function follow (request: FastifyRequest, impersonation: Impersonation, options: HostSessionOptions): Promise<void> {
  const identified = await impersonation.identify?.(request)
  const session = request.qlikSession.peek()
  if (identified === undefined) {
    if (session !== undefined) end(request, session, 'nobody-named')
    return
  }
  const { user, sessionId } = identified
  const grant = impersonation.grantOf(user)
  const held = session === undefined ? undefined : userOf(session.grant)
  if (session !== undefined && held?.user !== grant.user) {
    request.log.info('the session has ended: another user is named')
    end(request, session, 'another-user')
    // A page that was loaded by the previous user would change something as another user.
    if (!isSafeMethod(request.method) || request.headers.upgrade !== undefined) throw new GatewayError('GW-NO-SESSION')
  }
  if (session === undefined || held?.user !== grant.user) {
    // Nobody sees the answer to a speculative request, so it begins no session.
    if (!isSpeculative(request)) await beginHostSession(request, impersonation, user, options, sessionId)
    return
  }
  if (held.statement === grant.statement) return
  await impersonation.provision(user, request.log)
  request.qlikSession.replace({ ...session, grant })
}

/**
 * Begins a session for a user whom the host application names. Raises GW-USER-REFUSED and what `accessToken` and
 * `provision` raise.
 */
export async function beginHostSession (
  request: FastifyRequest, impersonation: Impersonation, user: HostUser, { requireAllowedUser }: HostSessionOptions, sessionId?: string
): Promise<Session> {
  const { credentials, sessions: { now, ended } } = request.tenant
  const session = { ...startSession(impersonation.grantOf(user), now(), sessionId), subject: user.subject }
  // A statement whose session has ended does not begin another one.
  if (ended.has(session.id)) throw new GatewayError('GW-NO-SESSION')
  await impersonation.provision(user, request.log)
  try {
    await credentials.accessToken(session, request)
  } catch (error) {
    // There is no session yet that could continue with an earlier token.
    const isLimit = error instanceof GatewayError && error.code === 'GW-TOKEN-LIMIT'
    throw isLimit ? new GatewayError('GW-USER-REFUSED', { cause: error.cause }) : error
  }
  await requireAllowedUser(request, session)
  // The user signed out in the meantime.
  if (ended.has(session.id)) throw new GatewayError('GW-NO-SESSION')
  const begun = await beginSession(request, session)
  request.tenant.signals.emit('login', 'completed')
  return begun
}

function end ({ tenant, log, ip: client }: FastifyRequest, session: Session, reason: EndReason): void {
  tenant.sessions.ended.end(session.id)
  tenant.credentials.release(session, log)
  tenant.signals.emit('session', { event: 'session-ended', reason, sessionId: session.id, subject: session.subject, log, client })
}
