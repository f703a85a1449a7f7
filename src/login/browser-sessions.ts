import type { FastifyRequest } from 'fastify'
import type { Session } from '../session/record.js'
import { createLogins } from './logins.js'
import { createReturns } from './returns.js'

/** The name under which the session that replaced this one is noted. */
export function insteadOf ({ id }: Session): string {
  return `instead of ${id}`
}

/**
 * The states of this browser's logins whose sessions must end together with its own session. An answer with such a
 * session may still be on its way to the browser.
 */
export function statesUnderWay ({ tenant, headers }: FastifyRequest): string[] {
  return createLogins(tenant.sessions).all(headers.cookie).flatMap(({ state, handover }) => handover === undefined ? state : [])
}

/** Finds the sessions that this browser has, or is about to get, besides those in its cookies. */
export async function findSessionsBesides (request: FastifyRequest): Promise<Session[]> {
  const { sessions } = request.tenant
  const { state } = createReturns(sessions).read(request.headers.cookie)
  const names = [...statesUnderWay(request), ...state === undefined ? [] : [state], ...request.qlikSession.all().map(insteadOf)]
  await sessions.noted.learn(names)
  return sessions.noted.known(names)
}

/**
 * Signs a user out: the session ends everywhere, and its tokens are revoked. Does nothing if the session has already
 * ended.
 */
export function signOut ({ tenant, log, ip: client }: FastifyRequest, session: Session): void {
  const { sessions: { ended }, credentials, signals } = tenant
  if (ended.has(session.id)) return
  ended.end(session.id)
  credentials.release(session, log)
  signals.emit('session', { event: 'sign-out', sessionId: session.id, subject: session.subject, log, client })
}
