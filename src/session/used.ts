import { LRUCache } from 'lru-cache'
import { lazy } from '../lazy.js'
import { atMost } from '../lru.js'

/** Remembers uses of sessions that write no cookie. Otherwise a page that only keeps a socket open would lose its session. */
export interface UsedSessions {
  /** Counts the session as used until the function that this returns is called. */
  hold (sessionId: string): () => void
  /** When the session was last in use, in ms since the epoch; 0 if that is not known. */
  lastUse: (sessionId: string) => number
  /** Notes that the session was in use so long ago, at another replica. */
  learn (sessionId: string, ageMs: number): void
  /** The sessions in use now. */
  held (): Iterable<string>
  /** The sessions that are remembered, and how long ago they were in use. */
  all (): Iterable<[sessionId: string, ageMs: number]>
}

// 100,000 ids take about 20 MB. Beyond that the least recently used are forgotten, and their idle time counts from their cookies.
const mostRemembered = 100_000

/** Sessions in use, in the memory of this process. Each is remembered for the idle time; after that its session has ended anyway. */
export function createUsedSessions (idleMs: number, now: () => number): UsedSessions {
  const holders = new Map<string, number>()
  const past = lazy(() => new LRUCache<string, number>({ ...atMost(mostRemembered), ttl: idleMs }))

  function remember (sessionId: string, at: number): void {
    if (at > (past().get(sessionId) ?? 0)) past().set(sessionId, at)
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
    lastUse: sessionId => holders.has(sessionId) ? now() : past().get(sessionId) ?? 0,
    learn (sessionId, ageMs) { remember(sessionId, now() - ageMs) },
    held: () => holders.keys(),
    * all () {
      for (const sessionId of holders.keys()) yield [sessionId, 0]
      for (const [sessionId, at] of past().entries()) if (!holders.has(sessionId)) yield [sessionId, now() - at]
    }
  }
}
