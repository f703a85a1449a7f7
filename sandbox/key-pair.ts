import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'

const privateKeyEncoding = { type: 'pkcs8', format: 'pem' } as const
const publicKeyEncoding = { type: 'spki', format: 'pem' } as const

/**
 * Generates a key pair on a curve, or an RSA key pair of so many bits. The keys go through PEM, because Node can deadlock with the key
 * objects that it generates itself: they share a mutex with the job that generated them, and when the garbage collector destroys that job
 * while a key is exported as a JWK, the job waits for the mutex that the export holds.
 */
export function createKeyPair (kind: 'P-256' | 'P-384' | 'Ed25519' | number): { privateKey: KeyObject, publicKey: KeyObject } {
  const { privateKey, publicKey } = typeof kind === 'number'
    ? generateKeyPairSync('rsa', { modulusLength: kind, privateKeyEncoding, publicKeyEncoding })
    : kind === 'Ed25519'
      ? generateKeyPairSync('ed25519', { privateKeyEncoding, publicKeyEncoding })
      : generateKeyPairSync('ec', { namedCurve: kind, privateKeyEncoding, publicKeyEncoding })
  return { privateKey: createPrivateKey(privateKey), publicKey: createPublicKey(publicKey) }
}
