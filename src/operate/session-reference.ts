import { LRUCache } from 'lru-cache'
import { hash } from 'node:crypto'
import { atMost } from '../lru.js'

const references = new LRUCache<string, string>({
  ...atMost(10_000),
  memoMethod: sessionId => hash('sha256', sessionId, 'base64url').slice(0, 12)
})

/** What leads from one line of a session to its others, and not to the session: its id is random, and this a part of its hash. */
export function referenceOf (sessionId: string): string {
  return references.memo(sessionId)
}
