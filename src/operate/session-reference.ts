import { LRUCache } from 'lru-cache'
import { hash } from 'node:crypto'
import { atMost } from '../lru.js'

const references = new LRUCache<string, string>({
  ...atMost(10_000),
  memoMethod: sessionId => hash('sha256', sessionId, 'base64url').slice(0, 12)
})

/** Connects the log lines of a session without giving access to it: a part of the hash of its random id. */
export function referenceOf (sessionId: string): string {
  return references.memo(sessionId)
}
