import { generateKeyPairSync } from 'node:crypto'
import type { ClientKey } from '../credentials/client-key.js'

const privateKeyEncoding = { type: 'pkcs8', format: 'pem' } as const
const publicKeyEncoding = { type: 'spki', format: 'pem' } as const

/**
 * A new key of a client, in PEM. As a key object of Node's it would share a lock with the job that generated it: if that job is collected
 * as garbage while the key is exported as a JWK, the process stands still for ever.
 */
export function createPrivateKeyText (algorithm: ClientKey['algorithm']): string {
  return algorithm === 'RS256'
    ? generateKeyPairSync('rsa', { modulusLength: 2_048, privateKeyEncoding, publicKeyEncoding }).privateKey
    : generateKeyPairSync('ec', { namedCurve: 'P-384', privateKeyEncoding, publicKeyEncoding }).privateKey
}
