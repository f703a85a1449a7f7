import type { FastifyBaseLogger } from 'fastify'
import type { EndedSessions } from '../session/ended.js'
import type { Seal } from '../session/seal.js'
import type { SessionLimits } from '../session/session.js'
import { ownGrants, type Grants } from './grants.js'
import { connectRedis } from './redis.js'
import { shareGrants } from './shared-grants.js'
import { shareMarks } from './shared-marks.js'

/** What a gateway remembers besides its cookies: in this process, and with Redis among its replicas. */
export interface Stores {
  grants: Grants
  ended: EndedSessions
  close: () => void
}

export interface StoresOptions {
  redisUrl: string | undefined
  seal: Seal
  /** The memory of this process, which answers requests in any case. */
  ended: EndedSessions
  limits: SessionLimits
  now: () => number
  log: FastifyBaseLogger
}

export function createStores ({ redisUrl, seal, ended, limits, now, log }: StoresOptions): Stores {
  if (redisUrl === undefined) return { grants: ownGrants, ended, close () {} }
  const redis = connectRedis({ url: redisUrl, log })
  const endings = shareMarks({ redis, name: 'ended', keepMs: limits.maxMs, known: () => ended.all(), learn: id => { ended.end(id) } })
  return {
    grants: shareGrants({ redis, seal, rememberMs: Math.min(limits.idleMs, limits.maxMs), now }),
    ended: {
      ...ended,
      end (sessionId) {
        ended.end(sessionId)
        endings.tell([sessionId])
      }
    },
    close: redis.close
  }
}
