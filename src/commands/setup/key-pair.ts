import { createPrivateKey, createPublicKey, randomUUID, type JsonWebKey } from 'node:crypto'
import { createPrivateKeyText } from '../private-key.js'

/** A key pair with which an OAuth client authenticates (private_key_jwt). */
export interface ClientKeyPair {
  /** The key that the gateway signs with: a JWK with its id. */
  privateText: string
  /** The key for the tenant. */
  publicKey: JsonWebKey & { kid: string }
}

/** Generates a key pair for ES384, which every tenant supports. */
export function createClientKeyPair (): ClientKeyPair {
  const privateKey = createPrivateKey(createPrivateKeyText('ES384'))
  const names = { kid: randomUUID(), alg: 'ES384', use: 'sig' }
  return {
    privateText: `${JSON.stringify({ ...privateKey.export({ format: 'jwk' }), ...names })}\n`,
    publicKey: { ...createPublicKey(privateKey).export({ format: 'jwk' }), ...names }
  }
}
