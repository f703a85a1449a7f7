import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * Makes a CSRF token: a keyed hash of the session id. It needs no store, is valid at every replica and survives refreshes. It ends with the
 * session, and when its key is removed.
 */
export function issueCsrfToken (sessionId: string, keys: readonly Buffer[]): string {
  return keyedHash(sessionId, keys[0] as Buffer).toString('base64url')
}

/** Whether the token belongs to the session, under any key of the list. */
export function isCsrfToken (token: string, sessionId: string, keys: readonly Buffer[]): boolean {
  const given = Buffer.from(token, 'base64url')
  return keys.some(key => {
    const expected = keyedHash(sessionId, key)
    return given.length === expected.length && timingSafeEqual(given, expected)
  })
}

function keyedHash (sessionId: string, key: Buffer): Buffer {
  return createHmac('sha256', key).update(sessionId).digest()
}
