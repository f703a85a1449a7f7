import secureSession from '@fastify/secure-session'
import type { FastifyInstance } from 'fastify'
import { LRUCache } from 'lru-cache'
import assert from 'node:assert/strict'
import { hkdfSync } from 'node:crypto'
import { lazy } from '../lazy.js'
import { atMost } from '../lru.js'

/**
 * What a sealed value is for. Each purpose has keys of its own, so that a value of one never opens as that of another. A
 * purpose whose format changes gets another name, so that replicas of other versions cannot open it. Sessions hold a version
 * instead, since their cookies stay.
 */
export type Purpose = 'session' | 'login' | 'handover' | 'shared' | 'held' | 'ticket'

/** Seals and opens values that leave the gateway and come back. */
export interface Seal {
  /** Encrypts and authenticates a value with the first key. Returns URL-safe text without padding. */
  seal (purpose: Purpose, value: object): string
  /** Opens what was sealed for this purpose with one of the keys; undefined for anything else. */
  open (purpose: Purpose, sealed: string): Opened | undefined
  /** Removes a session from the cache of those that were opened. */
  forget (sealed: string): void
}

/** What was sealed. The object is cached and must not be changed. `stale` says that another key than the first opened it. */
export interface Opened { readonly value: unknown, readonly stale: boolean }

const purposes: Purpose[] = ['session', 'login', 'handover', 'shared', 'held', 'ticket']
// The library's own expiry counts from the last sealing, so refreshes would prolong it. The payload holds the lifetime instead.
const neverSeconds = 10 * 365 * 86_400
// Opening a cookie costs more than forwarding a request, and a page sends the same cookie many times. An entry takes about 4 KB.
const mostRemembered = 16_384
const rememberMs = 300_000

/**
 * Makes the seal with the encode and decode of @fastify/secure-session. Its hooks are not used: they open every cookie
 * on every request, and upgrades skip them. `keys` have 32 bytes each; the first seals, all open. `scope` names the
 * tenant: another tenant cannot open what was sealed for this one, even with the same keys.
 */
export function createSeal (keys: readonly Buffer[], scope: string): Seal {
  const library = lazy(() => openLibrary(purposes.map(purpose => ({
    sessionName: purpose,
    cookieName: purpose,
    expiry: neverSeconds,
    key: keys.map(key => deriveKey(key, purpose, scope))
  }))))
  // Cached by nonce, since hashing a whole cookie costs as much as opening it.
  const remembered = lazy(() => new LRUCache<string, { sealed: string, opened: Opened }>({
    ...atMost(mostRemembered), ttl: rememberMs, ttlResolution: 1_000
  }))
  const nonceOf = (sealed: string) => sealed.slice(sealed.indexOf('.') + 1)

  function open (purpose: Purpose, sealed: string): Opened | undefined {
    // base64 can spell the same bytes in several ways. Only the spelling that was sealed is accepted.
    if (toUrlSafe(fromUrlSafe(sealed)) !== sealed) return undefined
    const session = library().decodeSecureSession(fromUrlSafe(sealed), undefined, purpose)
    return session === null ? undefined : { value: session.data(), stale: session.changed }
  }

  return {
    seal (purpose, value) {
      return toUrlSafe(library().encodeSecureSession(library().createSecureSession({ ...value }), purpose))
    },
    open (purpose, sealed) {
      if (purpose !== 'session') return open(purpose, sealed)
      const nonce = nonceOf(sealed)
      const known = remembered().get(nonce)
      if (known?.sealed === sealed) return known.opened
      const opened = open(purpose, sealed)
      if (opened !== undefined) remembered().set(nonce, { sealed, opened })
      return opened
    },
    forget (sealed) { remembered().delete(nonceOf(sealed)) }
  }
}

type Library = Pick<FastifyInstance, 'createSecureSession' | 'encodeSecureSession' | 'decodeSecureSession'>

/**
 * The functions by which the plugin decorates an application. An application for them alone takes 150 KB and 6 ms, and
 * each of maybe hundreds of tenants has a seal. What the plugin does besides is left out here: its hooks, and the
 * cookies that these need.
 */
function openLibrary (options: Parameters<typeof secureSession>[1]): Library {
  const functions: Record<string, unknown> = {}
  const ignore = (): void => {}
  const host = {
    log: { trace: ignore, debug: ignore },
    decorate (name: string, value: unknown) { functions[name] = value },
    decorateRequest: ignore,
    hasPlugin: () => true,
    register: ignore
  }
  const plugin = secureSession as (app: unknown, options: object, done: (error?: Error) => void) => void
  plugin(host, options, assert.ifError)
  return functions as unknown as Library
}

/** A key of 32 bytes for one use of a session key at one tenant (HKDF, RFC 5869). */
export function deriveKey (key: Buffer, use: string, scope: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', `qlik-embed-gateway ${use} ${scope}`, 32))
}

// The library writes base64, a semicolon and base64. In a cookie, + / = and ; would each take three bytes.
function toUrlSafe (sealed: string): string {
  const [cipher = '', nonce = ''] = sealed.split(';')
  return `${Buffer.from(cipher, 'base64').toString('base64url')}.${Buffer.from(nonce, 'base64').toString('base64url')}`
}

function fromUrlSafe (sealed: string): string {
  return sealed.replaceAll('-', '+').replaceAll('_', '/').replace('.', ';')
}
