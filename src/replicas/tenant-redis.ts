import type { Redis } from './redis.js'

/**
 * The part of a Redis that belongs to one tenant: of several each has keys and channels of its own, on the connection
 * of all. To close it ends what the tenant listens to, and nothing of the others.
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
