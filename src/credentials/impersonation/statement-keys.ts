import { createPublicKey } from 'node:crypto'
import { createLocalJWKSet, createRemoteJWKSet, customFetch, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'

/** The keys that verify statements cannot be read now. */
export class KeysUnavailableError extends Error {
  override name = 'KeysUnavailableError'
}

/** Reads public keys: a key or certificate in PEM, or a JWK Set (RFC 7517). Raises an Error that says what is wrong. */
export function readPublicKeys (text: string): JSONWebKeySet {
  try {
    if (!text.trimStart().startsWith('{')) return { keys: [createPublicKey(text).export({ format: 'jwk' })] }
    const set = JSON.parse(text) as JSONWebKeySet
    // Throws if it is no JWK Set.
    createLocalJWKSet(set)
    if (set.keys.length > 0 && set.keys.every(({ kty, d, k }) => kty !== 'oct' && d === undefined && k === undefined)) return set
  } catch {
    // The error below says it.
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

/** Keys that are given. If one of them has no id, the id that a statement names is ignored. */
export function localKeys (set: JSONWebKeySet): JWTVerifyGetKey {
  const getKey = createLocalJWKSet(set)
  const isNamed = set.keys.every(({ kid }) => kid !== undefined)
  return async (header, token) => {
    if (isNamed) return await getKey(header, token)
    const { kid: _kid, ...rest } = header
    return await getKey(rest, token)
  }
}

/** Errors about the key that a statement names, rather than about reading the keys. */
const aboutStatement = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported]

/**
 * Keys that are read from a server. They are kept for ten minutes, and read again if a statement names an unknown key,
 * but not more often than `cooldownDuration` allows. Raises KeysUnavailableError if they cannot be read.
 */
export function remoteKeys (url: URL, fetch: typeof globalThis.fetch, cooldownDuration = 30_000): JWTVerifyGetKey {
  const getKey = createRemoteJWKSet(url, { [customFetch]: fetch, cooldownDuration })
  return async (header, token) => {
    try {
      return await getKey(header, token)
    } catch (cause) {
      if (aboutStatement.some(kind => cause instanceof kind)) throw cause
      throw new KeysUnavailableError(`the keys at ${url.host} cannot be read`, { cause })
    }
  }
}
