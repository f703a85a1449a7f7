import type { FastifyRequest } from 'fastify'
import type { Session } from '../session/record.js'

/** Gives the browser a session. Whatever session it had, planted or its own, ends: its refresh token would count against the user's limit. */
export function beginSession (request: FastifyRequest, session: Session): void {
  const { credentials, sessions } = request.tenant
  requireRoom(request, session)
  request.qlikSession.replace(session)
  for (const previous of request.qlikSession.all()) {
    if (sessions.ended.has(previous.id)) continue
    sessions.ended.end(previous.id)
    credentials.release(previous, request.log)
  }
}

/** Raises GW-SESSION-TOO-LARGE for a session that fits into no cookies, and gives back what nobody can use. */
export function requireRoom (request: FastifyRequest, session: Session): void {
  try {
    request.qlikSession.demandRoom(session)
  } catch (error) {
    request.tenant.credentials.release(session, request.log)
    throw error
  }
}
