import type { FastifyPluginAsync } from 'fastify'
import type { Signals } from '../signals.js'

/** What readiness hangs on, and what explains it. */
export interface Health {
  draining: boolean
  /** `none` without REDIS_URL. Redis that is away takes no gateway out of service: each goes on by itself. */
  redis: 'none' | 'here' | 'away'
  sessionKeys: number
  openSockets: number
}

/** Whether a route family is asked every few seconds by machines. */
export function isProbe (routeFamily: string): boolean {
  return routeFamily === '/healthz' || routeFamily === '/readyz'
}

/** Follows a gateway's signals. */
export function watchHealth (signals: Signals): Health {
  const health: Health = { draining: false, redis: 'none', sessionKeys: 0, openSockets: 0 }
  signals.on('draining', () => { health.draining = true })
  signals.on('redisChanged', state => { health.redis = state })
  signals.on('keysLoaded', count => { health.sessionKeys = count })
  signals.on('socketOpened', () => { health.openSockets++ })
  signals.on('socketClosed', () => { health.openSockets-- })
  return health
}

export interface HealthRouteOptions {
  health: Health
  /** Whether /readyz tells all of it, which is not for everybody. */
  detailed?: boolean
}

/** GET /healthz while the process lives; GET /readyz while it takes requests. The tenant is not asked: its outage must not take gateways down. */
export const healthRoutes: FastifyPluginAsync<HealthRouteOptions> = async (app, { health, detailed = false }) => {
  app.get('/healthz', async (_request, reply) => reply.header('cache-control', 'no-store').send({ status: 'ok' }))
  app.get('/readyz', async (_request, reply) => {
    const status = health.draining ? 'draining' : 'ok'
    return reply.code(health.draining ? 503 : 200).header('cache-control', 'no-store').send({ status, ...(detailed ? health : {}) })
  })
}
