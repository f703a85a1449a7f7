import type { FastifyRequest } from 'fastify'
import { GatewayError } from '../errors.js'
import type { Returned } from './returns.js'

/** Where a visit of /login leads: back, to the tenant, or to the page of an error. */
export type LoginWay = 'back' | 'login' | 'GW-SESSION-COOKIE' | 'GW-LOGIN-LOOP'

// Qlik's client comes here after each 401: a page that gets one in spite of its session must not go round for ever.
const mostStraight = 3

/**
 * Back where the tenant accepts the session's token, three times in a minute. What signed in a moment ago and has no
 * session did not keep its cookie: those tokens are given back. Raises what the tenant's token endpoint makes of a
 * token that is due.
 */
export async function findLoginWay (request: FastifyRequest, { straight, logins, state }: Returned): Promise<LoginWay> {
  const accepted = request.qlikSession.peek() !== undefined && await isAccepted(request)
  if (accepted) return straight < mostStraight ? 'back' : logins === 0 ? 'login' : 'GW-LOGIN-LOOP'
  if (request.qlikSession.arrived) return logins < 2 ? 'login' : 'GW-LOGIN-LOOP'
  if (state !== undefined) await releaseLost(request, state)
  return logins < 2 ? 'login' : 'GW-SESSION-COOKIE'
}

async function isAccepted (request: FastifyRequest): Promise<boolean> {
  try {
    return await request.tenant.api.accepts(await request.accessToken())
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'GW-NO-SESSION') return false
    throw error
  }
}

/** Ends the session that a login brought and no cookie kept. */
async function releaseLost ({ tenant: { sessions: { noted, ended }, credentials }, log }: FastifyRequest, state: string): Promise<void> {
  await noted.learn([state])
  for (const session of noted.known([state])) {
    if (ended.has(session.id)) continue
    ended.end(session.id)
    credentials.release(session, log)
  }
}
