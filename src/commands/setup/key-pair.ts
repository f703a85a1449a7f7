import { generateKeyPairSync, randomUUID, type JsonWebKey } from 'node:crypto'

/** A key pair by which an OAuth client authenticates (private_key_jwt). */
export interface ClientKeyPair {
  /** What the gateway signs with: a JWK with its id. */
  privateText: string
  /** What the tenant is told. */
  publicKey: JsonWebKey & { kid: string }
}

/** A new pair for ES384, of a kind that every tenant takes. */
export function createClientKeyPair (): ClientKeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const names = { kid: randomUUID(), alg: 'ES384', use: 'sig' }
  return {
    privateText: `${JSON.stringify({ ...privateKey.export({ format: 'jwk' }), ...names })}\n`,
    publicKey: { ...publicKey.export({ format: 'jwk' }), ...names }
  }
}
