import { createPublicKey } from 'node:crypto'
import type { JWK } from 'jose'

/** A public key of a client, as an administrator registers it. */
export type ClientKey = JWK & { kid: string, alg: string }

const minimalRsaBits = 2048

/**
 * Throws an error for a key that a tenant does not accept. It accepts RSA of at least 2,048 bits for RS256 and RS512,
 * and P-384 for ES384.
 */
export function checkClientKey (key: JWK): asserts key is ClientKey {
  const { kid, kty, alg, use } = key
  if (!kid || !alg || use !== 'sig') throw new Error('A public key needs kid, kty, alg, and "sig" as its use.')
  if ('d' in key) throw new Error(`The key ${kid} is private: register its public half.`)
  const known = kty === 'RSA' ? ['RS256', 'RS512'] : key.crv === 'P-384' ? ['ES384'] : []
  if (!known.includes(alg)) throw new Error(`The key ${kid} does not fit the algorithm ${alg}: a tenant takes RS256, RS512 and ES384.`)
  const { modulusLength = minimalRsaBits } = createPublicKey({ key: { ...key }, format: 'jwk' }).asymmetricKeyDetails ?? {}
  if (modulusLength < minimalRsaBits) throw new Error(`The key ${kid} has ${modulusLength} bits: a tenant takes ${minimalRsaBits} or more.`)
}
