import type { Redis } from './redis.js'

/**
 * The part of a Redis that belongs to one tenant. Several tenants have their own keys and channels on a common
 * connection. Closing it ends only the tenant's subscriptions.
 */
export function tenantRedis (redis: Redis, name: string | undefined): Redis {
  const stops: (() => void)[] = []
  const keep = (stop: () => void) => {
    stops.push(stop)
    return stop
  }
  return {
    prefix: name === undefined ? redis.prefix : `${redis.prefix}${name}:`,
    run: async (...call) => await redis.run(...call),
    send (...call) { redis.send(...call) },
    listen: (channel, hear) => keep(redis.listen(channel, hear)),
    onArrival: listener => keep(redis.onArrival(listener)),
    close () { for (const stop of stops) stop() }
  }
}
