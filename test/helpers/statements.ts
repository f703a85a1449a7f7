import { randomUUID, type KeyObject } from 'node:crypto'
import { SignJWT, type JWTPayload } from 'jose'
import { createKeyPair } from '../../sandbox/key-pair.js'
import { noteSecrets } from '../../sandbox/secrets.js'

/** The server of a page, or an ingress: it says who its user is. */
export interface Issuer {
  issuer: string
  /** The public half of its key, as a JWK Set. */
  keys: string
  privateKey: KeyObject
  /** A statement of a user for a gateway; what is changed may be wrong. */
  state (subject: string, audience: string, changes?: JWTPayload, header?: { alg?: string, kid?: string }): Promise<string>
}

export function createIssuer ({ kid = 'one', issuer = 'https://portal.example', now: clock = Date.now } = {}): Issuer {
  const { privateKey, publicKey } = createKeyPair('P-256')
  return {
    issuer,
    keys: JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' }] }),
    privateKey,
    async state (subject, audience, changes = {}, header = {}) {
      const now = Math.floor(clock() / 1000)
      const claims = { iss: issuer, sub: subject, aud: audience, iat: now, exp: now + 120, jti: randomUUID(), ...changes }
      const jwt = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid, ...header }).sign(privateKey)
      noteSecrets({ statement: jwt })
      return jwt
    }
  }
}
