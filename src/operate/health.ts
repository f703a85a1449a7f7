import type { FastifyPluginAsync } from 'fastify'
import type { Signals } from '../signals.js'

/** What readiness hangs on, and what explains it. */
export interface Health {
  draining: boolean
  /** `none` without REDIS_URL. Redis that is away takes no gateway out of service: each goes on by itself. */
  redis: 'none' | 'here' | 'away'
  sessionKeys: number
  openSockets: number
  /** Whether the last call of the tenant was answered, whatever the answer; it is never asked for this. */
  tenant: 'not asked' | 'answers' | 'silent'
}

/** Whether a route family is asked every few seconds by machines. */
export function isProbe (routeFamily: string): boolean {
  return routeFamily === '/healthz' || routeFamily === '/readyz'
}

/** Follows a gateway's signals. */
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
  /** Whether /readyz tells all of it, which is not for everybody. */
  detailed?: boolean
  /** Whether the gateway listens yet; true unless given. */
  isListening?: () => boolean
}

/**
 * GET /healthz while the process lives; GET /readyz while it takes requests. The tenant is not asked: its outage must
 * not take gateways down.
 */
export const healthRoutes: FastifyPluginAsync<HealthRouteOptions> = async (app, { health, detailed = false, isListening = () => true }) => {
  app.get('/healthz', async (_request, reply) => reply.header('cache-control', 'no-store').send({ status: 'ok' }))
  app.get('/readyz', async (_request, reply) => {
    const status = health.draining ? 'draining' : isListening() ? 'ok' : 'starting'
    return reply.code(status === 'ok' ? 200 : 503).header('cache-control', 'no-store').send({ status, ...(detailed ? health : {}) })
  })
}
