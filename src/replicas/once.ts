import { LRUCache } from 'lru-cache'
import type { Redis } from './redis.js'
import { atMost } from '../lru.js'

/** Takes something that may be taken once: true for the first who asks, false for everyone later. */
export type TakeOnce = (id: string) => Promise<boolean>

// One for each call of a page that holds its session, for a minute: 1,500 in a second. An entry takes about 200 bytes.
const mostRemembered = 100_000

const take = "if redis.call('SET', KEYS[1], '', 'NX', 'PX', ARGV[1]) then return 1 else return 0 end"

/**
 * What is taken is remembered for `keepMs`: in this process, and with Redis at once for all replicas. While Redis is away, each replica
 * knows what it took itself.
 */
export function createTakeOnce (kind: string, keepMs: number, redis?: Pick<Redis, 'run' | 'prefix'>): TakeOnce {
  const taken = new LRUCache<string, true>({ ...atMost(mostRemembered), ttl: keepMs })
  return async id => {
    if (taken.has(id)) return false
    taken.set(id, true)
    return redis === undefined || await redis.run(take, [`${redis.prefix}${kind}:${id}`], [String(keepMs)]) !== 0
  }
}
