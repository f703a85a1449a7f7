import { LRUCache } from 'lru-cache'
import { atMost } from '../../lru.js'
import type { TokenSet } from '../../session/record.js'
import { ownGrants, type Grants } from '../grants.js'
import { createOwnTurns, type GrantTurns } from './grant-turns.js'

/** A session as the count of a user's sessions sees it. */
export interface CountedSession {
  id: string
  /** When it ends at the latest, in ms since the epoch. */
  endsAt: number
}

/** What is remembered of users whose tokens are asked for: in this process, or with Redis among replicas. */
export interface UserStore {
  /** Where their grants are run. The refresh token stands for the user. */
  grants: Grants
  /** When those may begin. */
  turns: GrantTurns
  /** Takes that a session of the user lives. */
  join (user: string, session: CountedSession): void
  /** Takes that one has ended. When none is left that is known of, what was shared of the user's tokens is dropped and returned; undefined before. */
  leave (user: string, sessionId: string): Promise<TokenSet[] | undefined>
  /** Calls `listener` when another replica has dropped the tokens of a user. */
  onDropped (listener: (user: string) => void): void
}

// Those of whom more is known than that are forgotten first. A token that is dropped too early is asked for once more.
const mostUsers = 20_000
const mostSessions = 10_000

/** Users in the memory of this process. */
export function createOwnUsers (now: () => number): UserStore {
  const users = new LRUCache<string, Map<string, number>>(atMost(mostUsers))
  return {
    grants: ownGrants,
    turns: createOwnTurns(now),
    join (user, { id, endsAt }) {
      const sessions = users.get(user) ?? new Map<string, number>()
      if (sessions.size < mostSessions || sessions.has(id)) sessions.set(id, endsAt)
      users.set(user, sessions)
    },
    async leave (user, sessionId) {
      const sessions = users.get(user)
      sessions?.delete(sessionId)
      for (const [id, endsAt] of sessions ?? []) if (endsAt <= now()) sessions?.delete(id)
      return sessions === undefined || sessions.size === 0 ? [] : undefined
    },
    onDropped () {}
  }
}
