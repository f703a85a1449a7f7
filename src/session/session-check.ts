import type { FastifyPluginAsync } from 'fastify'

/**
 * GET /gateway/check, for proxies that ask before they route: 204 with a session, 401 without, nothing else, not even to a navigation. It counts
 * as use of the session; nothing is asked of the tenant.
 */
export const sessionCheckRoute: FastifyPluginAsync<{ now: () => number }> = async (app, { now }) => {
  app.get('/gateway/check', async (request, reply) => {
    const tokens = request.qlikSession.use()?.tokens
    // Without a refresh token a session ends with its access token.
    const lives = tokens !== undefined && (tokens.refreshToken !== undefined || tokens.endsAt > now())
    return reply.code(lives ? 204 : 401).header('cache-control', 'no-store').send()
  })
}
