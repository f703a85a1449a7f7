import { LRUCache } from 'lru-cache'
import { lazy } from '../lazy.js'
import { atMost } from '../lru.js'

/** Remembers which sessions have ended, since a sealed cookie cannot be revoked. Sockets and streams listen for the end of theirs. */
export interface EndedSessions {
  /** Ends a session for good. `ageMs` is how long ago that was, if another replica did it. */
  end (sessionId: string, ageMs?: number): void
  /** Ends all sessions for good, for a tenant that is no longer served. Returns those that something listened for. */
  endAll (): string[]
  has (sessionId: string): boolean
  /** The sessions that are remembered, and how long ago they ended. */
  all (): Iterable<[sessionId: string, ageMs: number]>
  /** Calls `listener` once, when the session ends. Returns a function that stops listening. */
  listen (sessionId: string, listener: () => void): () => void
}

// 100,000 ids take about 20 MB. Beyond that the oldest are forgotten.
const mostRemembered = 100_000

/** Ended sessions in the memory of this process. Each is remembered until its cookies have expired. */
export function createEndedSessions (maxMs: number): EndedSessions {
  const ended = lazy(() => new LRUCache<string, true>({ ...atMost(mostRemembered), ttl: maxMs }))
  const listeners = new Map<string, Set<() => void>>()
  let allEnded = false

  function notify (sessionId: string): void {
    const notified = listeners.get(sessionId) ?? []
    listeners.delete(sessionId)
    for (const listener of notified) listener()
  }

  return {
    end (sessionId, ageMs = 0) {
      ended().set(sessionId, true, { ttl: maxMs - ageMs })
      notify(sessionId)
    },
    endAll () {
      allEnded = true
      const open = [...listeners.keys()].filter(sessionId => !ended().has(sessionId))
      for (const sessionId of open) notify(sessionId)
      return open
    },
    has: sessionId => allEnded || ended().has(sessionId),
    * all () {
      for (const sessionId of ended().keys()) yield [sessionId, Math.round(maxMs - ended().getRemainingTTL(sessionId))]
    },
    listen (sessionId, listener) {
      const others = listeners.get(sessionId) ?? new Set()
      listeners.set(sessionId, others.add(listener))
      return () => {
        others.delete(listener)
        if (others.size === 0 && listeners.get(sessionId) === others) listeners.delete(sessionId)
      }
    }
  }
}
