import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'

const privateKeyEncoding = { type: 'pkcs8', format: 'pem' } as const
const publicKeyEncoding = { type: 'spki', format: 'pem' } as const

/**
 * A new key pair, on a curve or of RSA with so many bits. It goes through PEM because a key object that Node generates shares a lock with
 * the job that generated it: if that job is collected as garbage while the key is exported as a JWK, the process stands still for ever.
 */
export function createKeyPair (kind: 'P-256' | 'P-384' | 'Ed25519' | number): { privateKey: KeyObject, publicKey: KeyObject } {
  const { privateKey, publicKey } = typeof kind === 'number'
    ? generateKeyPairSync('rsa', { modulusLength: kind, privateKeyEncoding, publicKeyEncoding })
    : kind === 'Ed25519'
      ? generateKeyPairSync('ed25519', { privateKeyEncoding, publicKeyEncoding })
      : generateKeyPairSync('ec', { namedCurve: kind, privateKeyEncoding, publicKeyEncoding })
  return { privateKey: createPrivateKey(privateKey), publicKey: createPublicKey(publicKey) }
}
