import type { FastifyPluginAsync } from 'fastify'

/** GET /healthz while the process lives; GET /readyz while it takes requests. The tenant is not asked: its outage must not take gateways down. */
export const healthRoutes: FastifyPluginAsync = async app => {
  let draining = false
  app.addHook('preClose', async () => { draining = true })

  app.get('/healthz', async (_request, reply) => reply.header('cache-control', 'no-store').send({ status: 'ok' }))
  app.get('/readyz', async (_request, reply) => reply.code(draining ? 503 : 200).header('cache-control', 'no-store').send({ status: draining ? 'draining' : 'ok' }))
}
