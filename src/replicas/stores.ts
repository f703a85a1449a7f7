import type { FastifyBaseLogger } from 'fastify'
import type { EndedSessions } from '../session/ended.js'
import type { Seal } from '../session/seal.js'
import type { SessionLimits } from '../session/record.js'
import type { Renewal, RenewedSessions } from '../session/renewed.js'
import type { UsedSessions } from '../session/used.js'
import type { Signals } from '../signals.js'
import { ownGrants, type Grants } from '../credentials/grants.js'
import { createOwnUsers, type UserStore } from '../credentials/impersonation/user-store.js'
import { createNotedSessions, type NotedSessions } from './noted-sessions.js'
import { createTakeOnce, type TakeOnce } from './once.js'
import type { Redis } from './redis.js'
import { redisServersOf, type RedisSettings } from './redis-servers.js'
import { shareGrants } from './shared-grants.js'
import { shareMarks, type Mark } from './shared-marks.js'
import { shareUsers } from './shared-users.js'

/** Opens the connection that all tenants of a gateway share. Undefined without REDIS_URL. */
export async function openRedis (settings: RedisSettings, log: FastifyBaseLogger, signals: Signals): Promise<Redis | undefined> {
  const servers = redisServersOf(settings)
  if (servers === undefined) return undefined
  // Loading the library takes a sixth of the start.
  const { connectRedis } = await import('./redis-link.js')
  return connectRedis({ servers, log, signals, commandMs: settings.redisCommandMs })
}

/** What a gateway remembers besides its cookies: in this process, and with Redis among its replicas. */
export interface Stores {
  grants: Grants
  ended: EndedSessions
  renewed: RenewedSessions
  noted: NotedSessions
  /** One-time values of one kind, remembered for `keepMs`. */
  once: (kind: string, keepMs: number) => TakeOnce
  /** The users of the tenant and client that `scope` identifies, and their tokens. */
  users: (scope: string) => UserStore
  /** Resolves when the refresh grants under way have ended and their outcomes are stored for the other replicas. Never rejects. */
  settled: () => Promise<unknown>
  close: () => void
}

export interface StoresOptions {
  /** Closed together with the stores. Without it only this process remembers. */
  redis: Redis | undefined
  seal: Seal
  /** The memory of this process, which is used whether or not there is a Redis. */
  ended: EndedSessions
  renewed: RenewedSessions
  used: UsedSessions
  limits: SessionLimits
  now: () => number
}

// Timers are limited to 24 days.
const longestTellingMs = 3_600_000

export function createStores ({ redis, seal, ended, renewed, used, limits, now }: StoresOptions): Stores {
  if (redis === undefined) {
    const noted = createNotedSessions()
    const users = () => createOwnUsers(now)
    return { grants: ownGrants, ended, renewed, noted, once: createTakeOnce, users, settled: async () => {}, close () {} }
  }
  const endings = shareMarks({
    redis, name: 'ended', keepMs: limits.maxMs, known: () => ended.all(), learn: (id, ageMs) => { ended.end(id, ageMs) }
  })
  const uses = shareMarks({
    redis, name: 'used', keepMs: limits.idleMs, known: () => used.all(), learn: (id, ageMs) => { used.learn(id, ageMs) }
  })
  // As often as the cookie of a session in use is written.
  const tellUses = () => { uses.tell([...used.held()].map(id => [id, 0])) }
  const telling = setInterval(tellUses, Math.min(limits.idleMs / 10, longestTellingMs)).unref()
  const grants = shareGrants({ redis, seal, rememberMs: Math.min(limits.idleMs, limits.maxMs), now })
  return {
    grants,
    ended: {
      ...ended,
      end (sessionId) {
        ended.end(sessionId)
        endings.tell([[sessionId, 0]])
      }
    },
    renewed: shareRenewals({ redis, renewed, limits, now }),
    noted: createNotedSessions({ redis, seal }),
    once: (kind, keepMs) => createTakeOnce(kind, keepMs, redis),
    users: scope => shareUsers({ redis, seal, scope, own: createOwnUsers(now), now }),
    settled: grants.settled,
    close () {
      clearInterval(telling)
      redis.close()
    }
  }
}

/**
 * Tells all replicas that a sign-in has renewed a session, so that its sockets and streams stay open when the old
 * tokens end.
 */
type RenewalOptions = Pick<StoresOptions, 'renewed' | 'limits' | 'now'> & { redis: Redis }

function shareRenewals ({ redis, renewed, limits, now }: RenewalOptions): RenewedSessions {
  const markOf = (id: string, { createdAt, generation }: Renewal): Mark => [`${id}.${generation}`, Math.max(0, now() - createdAt)]
  const renewals = shareMarks({
    redis,
    name: 'renewed',
    keepMs: limits.maxMs,
    known: () => [...renewed.all()].map(([id, renewal]) => markOf(id, renewal)),
    learn (mark, ageMs) {
      const [id = '', generation] = mark.split('.')
      renewed.renew(id, { createdAt: now() - ageMs, generation: Number(generation) })
    }
  })
  return {
    ...renewed,
    renew (sessionId, renewal) {
      renewed.renew(sessionId, renewal)
      renewals.tell([markOf(sessionId, renewal)])
    }
  }
}
