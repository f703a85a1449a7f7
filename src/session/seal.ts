import secureSession from '@fastify/secure-session'
import fastify from 'fastify'
import { LRUCache } from 'lru-cache'
import { hkdfSync } from 'node:crypto'
import { atMost } from '../lru.js'
import { noSchemas } from '../no-schemas.js'

/** What a sealed value is for. Each purpose has keys of its own, so that one kind never opens as another. */
export type Purpose = 'session' | 'login' | 'handover' | 'shared' | 'held' | 'ticket'

/** Seals and opens values that leave the gateway and come back. */
export interface Seal {
  /** The value, encrypted and authenticated under the first key: URL-safe text without padding. */
  seal (purpose: Purpose, value: object): string
  /** What was sealed, or undefined for anything that was not sealed for this purpose under one of the keys. `stale`: not under the first. */
  open (purpose: Purpose, sealed: string): Opened | undefined
  /** Drops a session from the memory of those that were opened. */
  forget (sealed: string): void
}

/** What was sealed, the same object for each opening: it must not be changed. */
export interface Opened { readonly value: unknown, readonly stale: boolean }

const purposes: Purpose[] = ['session', 'login', 'handover', 'shared', 'held', 'ticket']
// The library would let a value expire so long after it was sealed; lifetimes are in the payload, where refreshing does not slide them.
const neverSeconds = 10 * 365 * 86_400
// A page asks many times with one cookie, and opening one costs more than forwarding a request. An entry takes about 4 KB.
const mostRemembered = 16_384
const rememberMs = 300_000

/**
 * The seal of @fastify/secure-session, used by its encode and decode: its hooks would open every cookie on every
 * request and are skipped by upgrades. `keys` have 32 bytes; the first seals, all open. `scope` names the tenant: what was sealed for one is
 * noise to all others, under the same keys too.
 */
export async function createSeal (keys: readonly Buffer[], scope: string): Promise<Seal> {
  const library = fastify(noSchemas)
  await library.register(secureSession, purposes.map(purpose => ({
    sessionName: purpose,
    cookieName: purpose,
    expiry: neverSeconds,
    key: keys.map(key => deriveKey(key, purpose, scope))
  })))
  await library.ready()
  // By the nonce, which nobody can guess who does not have the cookie; hashing a cookie costs as much as opening it.
  const remembered = new LRUCache<string, { sealed: string, opened: Opened }>({ ...atMost(mostRemembered), ttl: rememberMs, ttlResolution: 1_000 })
  const nonceOf = (sealed: string) => sealed.slice(sealed.indexOf('.') + 1)

  function open (purpose: Purpose, sealed: string): Opened | undefined {
    // base64 has several spellings of the same bytes; only the one that was sealed is taken.
    if (toUrlSafe(fromUrlSafe(sealed)) !== sealed) return undefined
    const session = library.decodeSecureSession(fromUrlSafe(sealed), undefined, purpose)
    return session === null ? undefined : { value: session.data(), stale: session.changed }
  }

  return {
    seal (purpose, value) {
      return toUrlSafe(library.encodeSecureSession(library.createSecureSession({ ...value }), purpose))
    },
    open (purpose, sealed) {
      if (purpose !== 'session') return open(purpose, sealed)
      const nonce = nonceOf(sealed)
      const known = remembered.get(nonce)
      if (known?.sealed === sealed) return known.opened
      const opened = open(purpose, sealed)
      if (opened !== undefined) remembered.set(nonce, { sealed, opened })
      return opened
    },
    forget (sealed) { remembered.delete(nonceOf(sealed)) }
  }
}

/** A key of 32 bytes for one use of a session key at one tenant (HKDF, RFC 5869). */
export function deriveKey (key: Buffer, use: string, scope: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', `qlik-embed-gateway ${use} ${scope}`, 32))
}

// The library's form is base64, a semicolon, base64: in a cookie each of + / = ; would cost three bytes.
function toUrlSafe (sealed: string): string {
  const [cipher = '', nonce = ''] = sealed.split(';')
  return `${Buffer.from(cipher, 'base64').toString('base64url')}.${Buffer.from(nonce, 'base64').toString('base64url')}`
}

function fromUrlSafe (sealed: string): string {
  return sealed.replaceAll('-', '+').replaceAll('_', '/').replace('.', ';')
}
