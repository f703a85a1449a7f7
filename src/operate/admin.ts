import fastify from 'fastify'
import fp from 'fastify-plugin'
import { healthRoutes, type Health } from './health.js'
import type { Metrics } from './metrics.js'
import { ownInstance } from '../own-instance.js'

export interface AdminOptions {
  host: string
  port: number
  metrics: Metrics
  health: Health
}

/**
 * A second listener with GET /metrics and detailed health. Whoever reaches it may read both.
 * It opens before the gateway listens, and the start fails if it cannot. It reports ready when the gateway is, and
 * closes after the last request, so that a draining gateway can be watched.
 */
export const adminListener = fp<AdminOptions>(async (app, { host, port, metrics, health }) => {
  const admin = fastify(ownInstance)
  await admin.register(healthRoutes, { health, detailed: true, isListening: () => app.server.listening })
  admin.get('/metrics', async (_request, reply) => (
    reply.type(metrics.contentType).header('cache-control', 'no-store').send(await metrics.text())
  ))

  app.addHook('onReady', async () => { app.log.info({ address: await admin.listen({ host, port }) }, 'the admin listener is open') })
  app.addHook('onClose', async () => { await admin.close() })
}, { name: 'admin-listener', fastify: '5.x' })
