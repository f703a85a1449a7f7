import { LRUCache } from 'lru-cache'
import { atMost } from '../../lru.js'
import type { TokenSet } from '../../session/record.js'
import { ownGrants, type Grants } from '../grants.js'
import { createOwnTurns, type GrantTurns } from './grant-turns.js'

/** A session of a user, as the store counts them. */
export interface CountedSession {
  id: string
  /** Its latest end, in ms since the epoch. */
  endsAt: number
}

/** Remembers users and their sessions: in this process, or in Redis for all replicas. */
export interface UserStore {
  /** Runs their grants. The refresh token of these stands for the user. */
  grants: Grants
  /** When grants may begin. */
  turns: GrantTurns
  /** Notes a session of the user. */
  join (user: string, session: CountedSession): void
  /** Notes that a session has ended. After the last one the shared tokens of the user are removed and returned; undefined otherwise. */
  leave (user: string, sessionId: string): Promise<TokenSet[] | undefined>
  /** Calls `listener` when another replica has dropped the tokens of a user. */
  onDropped (listener: (user: string) => void): void
}

// The least recently used are forgotten. If a token is dropped too early, the gateway gets another.
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
