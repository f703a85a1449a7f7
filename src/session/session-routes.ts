import type { FastifyPluginAsync } from 'fastify'
import { issueCsrfToken } from './csrf.js'
import { GatewayError } from '../errors.js'
import { sessionEndsAt, type SessionLimits } from './session.js'

export interface SessionRouteOptions {
  limits: SessionLimits
  csrfKeys: readonly Buffer[]
  /** The signed-in user as the tenant describes them; undefined when the tenant does not. */
  readProfile: (sessionId: string, accessToken: string) => Promise<object | undefined>
  /** Where the gateway's own pages begin, with a slash at the end. */
  home: string
}

/** GET /gateway/session and GET /api/v1/csrf-token: what a page may know of its session. */
export const sessionRoutes: FastifyPluginAsync<SessionRouteOptions> = async (app, { limits, csrfKeys, readProfile, home }) => {
  const loginUrl = `${home}login`
  const logoutUrl = `${home}logout`

  app.get('/gateway/session', async (request, reply) => {
    reply.header('cache-control', 'no-store')
    const session = request.qlikSession.peek()
    if (session === undefined) return { authenticated: false, loginUrl }
    try {
      const accessToken = await request.accessToken({ use: false })
      const user = await readProfile(session.id, accessToken) ?? null
      const expiresAt = new Date(sessionEndsAt(session, limits)).toISOString()
      return { authenticated: true, user, expiresAt, loginUrl, logoutUrl, csrfToken: issueCsrfToken(session.id, csrfKeys) }
    } catch (error) {
      if (error instanceof GatewayError && error.code === 'GW-NO-SESSION') return { authenticated: false, loginUrl }
      throw error
    }
  })

  // The tenant itself refuses this route under a bearer token, so the gateway answers it for Qlik's clients.
  app.get('/api/v1/csrf-token', async (request, reply) => {
    const session = request.qlikSession.use()
    if (session === undefined) throw new GatewayError('GW-NO-SESSION')
    return reply.code(204).headers({ 'qlik-csrf-token': issueCsrfToken(session.id, csrfKeys), 'cache-control': 'no-store' }).send()
  })
}
