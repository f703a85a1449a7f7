import type { FastifyPluginAsync } from 'fastify'
import type { Signals } from '../signals.js'

/** What readiness depends on, and details for operators. */
export interface Health {
  draining: boolean
  /** `none` without REDIS_URL. A gateway stays ready without its Redis, because it can work alone. */
  redis: 'none' | 'here' | 'away'
  sessionKeys: number
  openSockets: number
  /** Whether the tenant answered the last call, whatever the status. It is never asked just for this. */
  tenant: 'not asked' | 'answers' | 'silent'
}

/** Whether a route family is polled by machines every few seconds. */
export function isProbe (routeFamily: string): boolean {
  return routeFamily === '/healthz' || routeFamily === '/readyz'
}

/** Follows the signals of a gateway. */
export function watchHealth (signals: Signals): Health {
  const health: Health = { draining: false, redis: 'none', sessionKeys: 0, openSockets: 0, tenant: 'not asked' }
  signals.on('draining', () => { health.draining = true })
  signals.on('redisChanged', state => { health.redis = state })
  signals.on('keysLoaded', count => { health.sessionKeys = count })
  signals.on('socketOpened', () => { health.openSockets++ })
  signals.on('socketClosed', () => { health.openSockets-- })
  signals.on('tenantAnswered', (_asking, status) => { health.tenant = status === 0 ? 'silent' : 'answers' })
  return health
}

export interface HealthRouteOptions {
  health: Health
  /** Whether /readyz shows details, which are not meant for everybody. */
  detailed?: boolean
  /** Whether the gateway listens already. True by default. */
  isListening?: () => boolean
}

/**
 * GET /healthz answers while the process lives, GET /readyz while it accepts requests. Neither depends on the tenant:
 * an outage of the tenant must not take gateways out of service.
 */
export const healthRoutes: FastifyPluginAsync<HealthRouteOptions> = async (app, { health, detailed = false, isListening = () => true }) => {
  app.get('/healthz', async (_request, reply) => reply.header('cache-control', 'no-store').send({ status: 'ok' }))
  app.get('/readyz', async (_request, reply) => {
    const status = health.draining ? 'draining' : isListening() ? 'ok' : 'starting'
    return reply.code(status === 'ok' ? 200 : 503).header('cache-control', 'no-store').send({ status, ...(detailed ? health : {}) })
  })
}
