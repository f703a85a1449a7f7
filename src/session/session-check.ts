import type { FastifyPluginAsync } from 'fastify'

/**
 * GET /gateway/check, for proxies that ask before they route: 204 with a session, 401 without, nothing else, not even to a navigation. It counts
 * as use of the session; nothing is asked of the tenant.
 */
export const sessionCheckRoute: FastifyPluginAsync = async app => {
  app.get('/gateway/check', async (request, reply) => {
    const session = request.qlikSession.use()
    const lives = session !== undefined && request.tenant.credentials.isUsable(session)
    return reply.code(lives ? 204 : 401).header('cache-control', 'no-store').send()
  })
}
