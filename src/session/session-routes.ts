import fp from 'fastify-plugin'
import { issueCsrfToken } from './csrf.js'
import { GatewayError } from '../errors.js'
import { sessionEndsAt } from './record.js'

/** GET /gateway/session and GET /api/v1/csrf-token: what a page may know of its session. */
export const sessionRoutes = fp(async app => {
  app.get('/gateway/session', async (request, reply) => {
    reply.header('cache-control', 'no-store')
    const { home, api, sessions } = request.tenant
    const loginUrl = `${home}login`
    const session = request.qlikSession.peek()
    if (session === undefined) return { authenticated: false, loginUrl }
    try {
      const newest = () => request.accessToken({ use: false })
      const user = await api.readProfile(session.id, await newest(), newest) ?? null
      const expiresAt = new Date(sessionEndsAt(session, sessions.limits)).toISOString()
      const csrfToken = issueCsrfToken(session.id, sessions.csrfKeys())
      return { authenticated: true, user, expiresAt, loginUrl, logoutUrl: `${home}logout`, csrfToken }
    } catch (error) {
      if (error instanceof GatewayError && error.code === 'GW-NO-SESSION') return { authenticated: false, loginUrl }
      throw error
    }
  })

  // The tenant itself refuses this route under a bearer token, so the gateway answers it for Qlik's clients.
  app.get('/api/v1/csrf-token', async (request, reply) => {
    const session = request.qlikSession.use()
    if (session === undefined) throw new GatewayError('GW-NO-SESSION')
    reply.header('qlik-csrf-token', issueCsrfToken(session.id, request.tenant.sessions.csrfKeys()))
    return reply.code(204).header('cache-control', 'no-store').send()
  })
}, { name: 'session-routes', fastify: '5.x', encapsulate: true, dependencies: ['admission', 'session', 'access-token'] })
