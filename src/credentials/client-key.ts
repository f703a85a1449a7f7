import { createPrivateKey, type JsonWebKey, type KeyObject, webcrypto } from 'node:crypto'

const leastRsaBits = 2_048

/** A private key that a tenant takes for `private_key_jwt`, and the algorithm that goes with it. */
export class ClientKey {
  readonly key: KeyObject
  readonly algorithm: 'RS256' | 'ES384'
  /** The id in a JWK that has one. */
  readonly id: string | undefined

  /** Reads a key in PEM or as a JWK (RFC 7517). Raises an Error that says what is wrong with it, and nothing of its content. */
  constructor (text: string) {
    const { key, id } = parse(text)
    const { modulusLength = 0, namedCurve } = { ...key.asymmetricKeyDetails }
    const isRsa = key.asymmetricKeyType === 'rsa'
    if (isRsa && modulusLength < leastRsaBits) {
      throw new Error(`holds an RSA key of ${modulusLength} bits: make one of ${leastRsaBits} bits or more`)
    }
    if (!isRsa && namedCurve !== 'secp384r1') {
      throw new Error('holds a key that a tenant does not take: make one for RSA, of 2,048 bits or more, or for P-384')
    }
    this.key = key
    this.algorithm = isRsa ? 'RS256' : 'ES384'
    this.id = id
  }

  /** The key for WebCrypto, which may sign with it and nothing else. */
  async toSigningKey (): Promise<webcrypto.CryptoKey> {
    const use = this.algorithm === 'RS256' ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } : { name: 'ECDSA', namedCurve: 'P-384' }
    return await webcrypto.subtle.importKey('pkcs8', this.key.export({ type: 'pkcs8', format: 'der' }), use, false, ['sign'])
  }
}

function parse (text: string): { key: KeyObject, id: string | undefined } {
  try {
    if (!text.trimStart().startsWith('{')) return { key: createPrivateKey(text), id: undefined }
    const jwk = JSON.parse(text) as JsonWebKey & { kid?: unknown }
    return { key: createPrivateKey({ key: jwk, format: 'jwk' }), id: typeof jwk.kid === 'string' ? jwk.kid : undefined }
  } catch {
    throw new Error('holds no private key: write it in PEM without a passphrase, or as a JWK')
  }
}
