import { LRUCache } from 'lru-cache'
import { atMost } from '../lru.js'

/** What a session went on with when its user signed in again. */
export interface Renewal {
  /** From when its absolute lifetime counts, in ms since the epoch. */
  readonly createdAt: number
  /** That of the tokens; older ones were given back. */
  readonly generation: number
}

/** Remembers which sessions their user renewed by signing in again: a cookie of before must neither displace nor end what followed. */
export interface RenewedSessions {
  renew (sessionId: string, renewal: Renewal): void
  /** The last renewal of a session; zeros where there was none. */
  last (sessionId: string): Renewal
}

const mostRemembered = 100_000
const never: Renewal = { createdAt: 0, generation: 0 }

/** Renewed sessions in the memory of this process, each remembered until a cookie of before could not be used any more. */
export function createRenewedSessions (maxMs: number): RenewedSessions {
  const renewed = new LRUCache<string, Renewal>({ ...atMost(mostRemembered), ttl: maxMs })
  return {
    renew (sessionId, { createdAt, generation }) { renewed.set(sessionId, { createdAt, generation }) },
    last: sessionId => renewed.get(sessionId) ?? never
  }
}
