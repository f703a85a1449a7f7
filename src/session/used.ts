import { LRUCache } from 'lru-cache'
import { atMost } from '../lru.js'

/** Remembers which sessions something uses that sends no cookie: a page that only holds a socket would otherwise lose its session. */
export interface UsedSessions {
  /** Counts the session as used until the answer is called. */
  hold (sessionId: string): () => void
  /** When the session was last known to be in use, in ms since the epoch; 0 when nothing is known. */
  lastUse: (sessionId: string) => number
  /** Takes over that the session was in use so long ago. */
  learn (sessionId: string, ageMs: number): void
  /** Those in use now. */
  held (): Iterable<string>
  /** All that are remembered, and how long ago they were in use. */
  all (): Iterable<[sessionId: string, ageMs: number]>
}

// 100,000 ids take about 20 MB; beyond that the idle time of the least recently used counts from their cookies again.
const mostRemembered = 100_000

/** Sessions in use as this process knows them, each remembered for the idle time, after which it would make no difference. */
export function createUsedSessions (idleMs: number, now: () => number): UsedSessions {
  const holders = new Map<string, number>()
  const past = new LRUCache<string, number>({ ...atMost(mostRemembered), ttl: idleMs })

  function remember (sessionId: string, at: number): void {
    if (at > (past.get(sessionId) ?? 0)) past.set(sessionId, at)
  }

  return {
    hold (sessionId) {
      holders.set(sessionId, (holders.get(sessionId) ?? 0) + 1)
      return () => {
        const left = holders.get(sessionId) as number - 1
        if (left > 0) {
          holders.set(sessionId, left)
          return
        }
        holders.delete(sessionId)
        remember(sessionId, now())
      }
    },
    lastUse: sessionId => holders.has(sessionId) ? now() : past.get(sessionId) ?? 0,
    learn (sessionId, ageMs) { remember(sessionId, now() - ageMs) },
    held: () => holders.keys(),
    * all () {
      for (const sessionId of holders.keys()) yield [sessionId, 0]
      for (const [sessionId, at] of past.entries()) if (!holders.has(sessionId)) yield [sessionId, now() - at]
    }
  }
}
