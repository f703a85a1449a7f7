import { createPublicKey } from 'node:crypto'
import { createLocalJWKSet, createRemoteJWKSet, customFetch, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'

/** The keys that statements are signed by cannot be read now. */
export class KeysUnavailableError extends Error {
  override name = 'KeysUnavailableError'
}

/** Reads public keys: a key or certificate in PEM, or a JWK Set (RFC 7517). Raises an Error that says what is wrong. */
export function readPublicKeys (text: string): JSONWebKeySet {
  try {
    if (!text.trimStart().startsWith('{')) return { keys: [createPublicKey(text).export({ format: 'jwk' })] }
    const set = JSON.parse(text) as JSONWebKeySet
    // Refuses what is no set.
    createLocalJWKSet(set)
    if (set.keys.length > 0 && set.keys.every(({ kty, d, k }) => kty !== 'oct' && d === undefined && k === undefined)) return set
  } catch {
    // Told below.
  }
  throw new Error('holds no public keys: write one key or certificate in PEM, or a JWK Set of public keys')
}

/** Whether text holds public keys. */
export function arePublicKeys (text: string): boolean {
  try {
    readPublicKeys(text)
    return true
  } catch {
    return false
  }
}

/** Keys that are at hand. One that has no id is taken whatever id a statement names. */
export function localKeys (set: JSONWebKeySet): JWTVerifyGetKey {
  const getKey = createLocalJWKSet(set)
  const isNamed = set.keys.every(({ kid }) => kid !== undefined)
  return async (header, token) => {
    if (isNamed) return await getKey(header, token)
    const { kid: _kid, ...rest } = header
    return await getKey(rest, token)
  }
}

/**
 * Keys of a server. They are kept for ten minutes, and read again when a statement names one that is not among them, at most once in 30 seconds
 * unless told otherwise.
 * Raises KeysUnavailableError where they cannot be read.
 */
export function remoteKeys (url: URL, fetch: typeof globalThis.fetch, cooldownDuration = 30_000): JWTVerifyGetKey {
  const getKey = createRemoteJWKSet(url, { [customFetch]: fetch, cooldownDuration })
  return async (header, token) => {
    try {
      return await getKey(header, token)
    } catch (cause) {
      if (cause instanceof errors.JWKSNoMatchingKey || cause instanceof errors.JWKSMultipleMatchingKeys || cause instanceof errors.JOSENotSupported) throw cause
      throw new KeysUnavailableError(`the keys at ${url.host} cannot be read`, { cause })
    }
  }
}
