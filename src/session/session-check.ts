import fp from 'fastify-plugin'

/**
 * GET /gateway/check, for proxies that ask before they route a request: 204 with a session, 401 without one, to
 * navigations too. It counts as use of the session. The tenant is not asked.
 */
export const sessionCheckRoute = fp(async app => {
  app.get('/gateway/check', async (request, reply) => {
    const session = request.qlikSession.use()
    const lives = session !== undefined && request.tenant.credentials.isUsable(session)
    return reply.code(lives ? 204 : 401).header('cache-control', 'no-store').send()
  })
}, { name: 'session-check', fastify: '5.x', encapsulate: true, dependencies: ['admission', 'session'] })
