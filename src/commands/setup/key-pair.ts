import { generateKeyPairSync, randomUUID, type JsonWebKey } from 'node:crypto'

/** A key pair with which an OAuth client authenticates (private_key_jwt). */
export interface ClientKeyPair {
  /** The key that the gateway signs with: a JWK with its id. */
  privateText: string
  /** The key for the tenant. */
  publicKey: JsonWebKey & { kid: string }
}

/** Generates a key pair for ES384, which every tenant supports. */
export function createClientKeyPair (): ClientKeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const names = { kid: randomUUID(), alg: 'ES384', use: 'sig' }
  return {
    privateText: `${JSON.stringify({ ...privateKey.export({ format: 'jwk' }), ...names })}\n`,
    publicKey: { ...publicKey.export({ format: 'jwk' }), ...names }
  }
}
