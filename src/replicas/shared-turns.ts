import { randomUUID } from 'node:crypto'
import { grantLimit, type GrantLimit, type GrantTurns } from '../credentials/impersonation/grant-turns.js'
import type { Redis } from './redis.js'

export interface SharedTurnsOptions extends GrantLimit {
  redis: Redis
  /** Identifies the tenant and its client in the keys. */
  name: string
  /** Used while Redis is away. */
  own: GrantTurns
}

/**
 * Returns the time until the next turn, and takes the turn unless that time is too long. Redis's clock is used, because
 * those of the replicas differ.
 */
const take = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local most, window = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
local wait = math.max(0, redis.call('PTTL', KEYS[2]))
if redis.call('ZCARD', KEYS[1]) >= most then
  local oldest = redis.call('ZREVRANGE', KEYS[1], most - 1, most - 1, 'WITHSCORES')
  wait = math.max(wait, oldest[2] + window - now)
end
if wait <= tonumber(ARGV[3]) then
  redis.call('ZADD', KEYS[1], now + wait, ARGV[4])
  redis.call('PEXPIRE', KEYS[1], wait + window)
end
return wait`

const pausedMs = "return math.max(0, redis.call('PTTL', KEYS[1]))"

/** Keeps the longest of the requested pauses. */
const pause = `
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], '', 'PX', ARGV[1]) end
return 1`

/**
 * Turns that all replicas of a Redis share, because the tenant limits the grants of a client on whichever replica they
 * are made. While Redis does not answer, each replica counts its own.
 */
export function shareTurns ({ redis, name, own, most = grantLimit.most, windowMs = grantLimit.windowMs }: SharedTurnsOptions): GrantTurns {
  const [turns, stop] = [`${redis.prefix}${name}:grant-turns`, `${redis.prefix}${name}:grant-pause`]
  return {
    async take (longestWaitMs) {
      const waitMs = await redis.run(take, [turns, stop], [String(most), String(windowMs), String(longestWaitMs), randomUUID()])
      return typeof waitMs === 'number' ? waitMs : own.take(longestWaitMs)
    },
    async pausedMs () {
      const left = await redis.run(pausedMs, [stop], [])
      return typeof left === 'number' ? left : own.pausedMs()
    },
    pause (forMs) {
      own.pause(forMs)
      redis.send(pause, [stop], [String(Math.ceil(forMs))])
    }
  }
}
