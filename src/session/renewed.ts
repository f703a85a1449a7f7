import { LRUCache } from 'lru-cache'
import { lazy } from '../lazy.js'
import { atMost } from '../lru.js'

/** What a session went on with when its user signed in again. */
export interface Renewal {
  /** From when its absolute lifetime counts, in ms since the epoch. */
  readonly createdAt: number
  /** That of the tokens; older ones were given back. 0 for a session that holds none. */
  readonly generation: number
}

/** Remembers which sessions their user renewed by signing in again: a cookie of before must neither displace nor end what followed. */
export interface RenewedSessions {
  /** Takes a renewal, of here or of another replica; one that is older than what is known takes nothing back. */
  renew (sessionId: string, renewal: Renewal): void
  /** The last renewal of a session; zeros where there was none. */
  last (sessionId: string): Renewal
  /** All that are remembered. */
  all (): Iterable<[sessionId: string, renewal: Renewal]>
}

const mostRemembered = 100_000
const never: Renewal = { createdAt: 0, generation: 0 }

/** Renewed sessions in the memory of this process, each remembered until a cookie of before could not be used any more. */
export function createRenewedSessions (maxMs: number): RenewedSessions {
  const renewed = lazy(() => new LRUCache<string, Renewal>({ ...atMost(mostRemembered), ttl: maxMs }))
  const last = (sessionId: string) => renewed().get(sessionId) ?? never
  return {
    renew (sessionId, { createdAt, generation }) {
      const known = last(sessionId)
      renewed().set(sessionId, { createdAt: Math.max(createdAt, known.createdAt), generation: Math.max(generation, known.generation) })
    },
    last,
    all: () => renewed().entries()
  }
}
