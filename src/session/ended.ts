import { LRUCache } from 'lru-cache'
import { atMost } from '../lru.js'

/** Remembers which sessions have ended, since a sealed cookie cannot be called back, and tells who holds something open for them. */
export interface EndedSessions {
  /** Ends a session, for good; `ageMs` ago, where somebody else did it. */
  end (sessionId: string, ageMs?: number): void
  /** Ends every session, known or not, for good: those of a tenant that is no longer served. Returns those that something was open for. */
  endAll (): string[]
  has (sessionId: string): boolean
  /** All that are remembered, and how long ago they ended. */
  all (): Iterable<[sessionId: string, ageMs: number]>
  /** Calls `listener` once when the session ends. The answer stops listening. */
  listen (sessionId: string, listener: () => void): () => void
}

// 100,000 ids take about 20 MB; beyond that the oldest logouts are forgotten first.
const mostRemembered = 100_000

/** Ended sessions in the memory of this process, each remembered until its cookie could not be used any more. */
export function createEndedSessions (maxMs: number): EndedSessions {
  const ended = new LRUCache<string, true>({ ...atMost(mostRemembered), ttl: maxMs })
  const listeners = new Map<string, Set<() => void>>()
  let allEnded = false

  function tell (sessionId: string): void {
    const told = listeners.get(sessionId) ?? []
    listeners.delete(sessionId)
    for (const listener of told) listener()
  }

  return {
    end (sessionId, ageMs = 0) {
      ended.set(sessionId, true, { ttl: maxMs - ageMs })
      tell(sessionId)
    },
    endAll () {
      allEnded = true
      const open = [...listeners.keys()].filter(sessionId => !ended.has(sessionId))
      for (const sessionId of open) tell(sessionId)
      return open
    },
    has: sessionId => allEnded || ended.has(sessionId),
    * all () {
      for (const sessionId of ended.keys()) yield [sessionId, Math.round(maxMs - ended.getRemainingTTL(sessionId))]
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
