import type { FastifyRequest } from 'fastify'
import { GatewayError } from '../errors.js'
import type { Returned } from './returns.js'

/** Where a visit of /login leads: straight back, to the tenant's login, or to an error page. */
export type LoginWay = 'back' | 'login' | 'GW-SESSION-COOKIE' | 'GW-LOGIN-LOOP'

// Qlik's client comes here after each 401. A page that gets a 401 in spite of its session must not loop forever.
const mostStraight = 3

/**
 * Returns to the page if the tenant accepts the session's token, at most three times in a minute. A browser that signed
 * in a moment ago and has no session did not keep its cookie: those tokens are revoked. Raises what a renewal of the
 * token raises.
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

/** Ends a session that a login created and whose cookie the browser did not keep. */
async function releaseLost ({ tenant: { sessions: { noted, ended }, credentials }, log }: FastifyRequest, state: string): Promise<void> {
  await noted.learn([state])
  for (const session of noted.known([state])) {
    if (ended.has(session.id)) continue
    ended.end(session.id)
    credentials.release(session, log)
  }
}
