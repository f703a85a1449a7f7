import { LRUCache } from 'lru-cache'
import type { Redis } from './redis.js'
import { atMost } from '../lru.js'

/** Uses up a one-time value: true for the first call, false for every later one. */
export type TakeOnce = (id: string) => Promise<boolean>

// Enough for 1,500 calls a second, for a minute, of pages that hold their session. An entry takes about 200 bytes.
const mostRemembered = 100_000

const take = "if redis.call('SET', KEYS[1], '', 'NX', 'PX', ARGV[1]) then return 1 else return 0 end"

/**
 * A used value is remembered for `keepMs`: in this process and, with Redis, on all replicas at once. While Redis is
 * away, each replica knows only the values that were used there.
 */
export function createTakeOnce (kind: string, keepMs: number, redis?: Pick<Redis, 'run' | 'prefix'>): TakeOnce {
  const taken = new LRUCache<string, true>({ ...atMost(mostRemembered), ttl: keepMs })
  return async id => {
    if (taken.has(id)) return false
    taken.set(id, true)
    return redis === undefined || await redis.run(take, [`${redis.prefix}${kind}:${id}`], [String(keepMs)]) !== 0
  }
}
