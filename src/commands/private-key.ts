import { generateKeyPairSync } from 'node:crypto'
import type { ClientKey } from '../credentials/client-key.js'

const privateKeyEncoding = { type: 'pkcs8', format: 'pem' } as const
const publicKeyEncoding = { type: 'spki', format: 'pem' } as const

/**
 * Generates a private key for an OAuth client, in PEM. Node can deadlock with the key objects that it generates itself: they share a mutex
 * with the job that generated them, and when the garbage collector destroys that job while a key is exported as a JWK, the job waits for
 * the mutex that the export holds.
 */
export function createPrivateKeyText (algorithm: ClientKey['algorithm']): string {
  return algorithm === 'RS256'
    ? generateKeyPairSync('rsa', { modulusLength: 2_048, privateKeyEncoding, publicKeyEncoding }).privateKey
    : generateKeyPairSync('ec', { namedCurve: 'P-384', privateKeyEncoding, publicKeyEncoding }).privateKey
}
