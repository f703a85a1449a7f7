import { fastifyCookie } from '@fastify/cookie'
import fastify from 'fastify'
import { GatewayError } from '../errors.js'
import { noSchemas } from '../no-schemas.js'

// @fastify/cookie loads its serializer with the first instance that registers it.
await fastify(noSchemas).register(fastifyCookie).ready()

/** The gateway's cookies. */
export type CookieName = 'session' | 'login'

export interface CookieSettings {
  /** The public URL is https: names carry `__Host-` and cookies are Secure. */
  secure: boolean
  /** The session cookie must reach frames and calls of other sites. */
  crossSite: boolean
  /** How many cookies a request may carry; 150 unless set. */
  mostCookies?: number
}

/** What the browser sent under one of our names: the value in one piece, and how many cookies it came in. */
export interface ReceivedCookie { value: string | undefined, parts: number }

export interface CookieJar {
  /** Reads one of our cookies from a Cookie header; the value is undefined when there is none, or parts of it are torn or doubled. */
  read (name: CookieName, header: string | undefined): ReceivedCookie
  /** The Set-Cookie lines that store a value and drop the parts beyond it that the browser still has. Raises GW-SESSION-TOO-LARGE. */
  write (name: CookieName, value: string, maxAgeSeconds: number, received: ReceivedCookie): string[]
  /** The Set-Cookie lines that drop a cookie in every part that it can have. */
  clear (name: CookieName): string[]
  /** Whether a value fits into a single cookie. */
  fits (value: string): boolean
}

// Browsers drop a cookie of more than 4,096 bytes (name and value) in silence and keep the older one.
const partBytes = 3_900
const mostParts = 4

/** A jar that writes with the serializer of @fastify/cookie. */
export function createCookieJar ({ secure, crossSite, mostCookies = 150 }: CookieSettings): CookieJar {
  const prefix = secure ? '__Host-qlik-' : 'qlik-'
  const partName = (name: CookieName, part: number) => part === 0 ? `${prefix}${name}` : `${prefix}${name}.${part}`
  // The login cookie is used by top-level navigations only, which Lax serves; Partitioned would hide it from the popup.
  const site = (name: CookieName) => crossSite && name === 'session' ? { sameSite: 'none', partitioned: true } as const : { sameSite: 'lax' } as const
  const set = (name: CookieName, part: number, value: string, maxAge: number) =>
    fastifyCookie.serialize(partName(name, part), value, { httpOnly: true, path: '/', secure, maxAge, ...site(name) })

  return {
    read (name, header) {
      const own = new Map<string, string>()
      if (header === undefined || !header.includes(prefix + name)) return { value: undefined, parts: 0 }
      let doubled = false
      for (const [cookie, value] of pairsOf(header, mostCookies)) {
        if (!isPartOf(cookie, prefix + name)) continue
        doubled ||= own.has(cookie)
        own.set(cookie, value)
      }
      return { value: doubled ? undefined : join(part => own.get(partName(name, part))), parts: own.size }
    },
    write (name, value, maxAgeSeconds, received) {
      const count = Math.ceil((value.length + 2) / partBytes)
      if (count > mostParts) throw new GatewayError('GW-SESSION-TOO-LARGE')
      const whole = `${count}.${value}`
      const lines = Array.from({ length: count }, (_, part) =>
        set(name, part, whole.slice(part * partBytes, (part + 1) * partBytes), maxAgeSeconds))
      for (let part = count; part < Math.min(received.parts, mostParts); part++) lines.push(set(name, part, '', 0))
      return lines
    },
    clear: name => Array.from({ length: name === 'session' ? mostParts : 1 }, (_, part) => set(name, part, '', 0)),
    fits: value => value.length + 2 <= partBytes
  }
}

/** The bytes of the cookies that these lines set, names and values; those that are dropped take none. */
export function cookieBytes (lines: readonly string[]): number {
  const pairs = lines.map(line => line.split(';', 1)[0] as string)
  return pairs.filter(pair => !pair.endsWith('=')).reduce((bytes, pair) => bytes + pair.length - 1, 0)
}

function isPartOf (cookie: string, name: string): boolean {
  return cookie === name || (cookie.startsWith(`${name}.`) && /^[1-3]$/.test(cookie.slice(name.length + 1)))
}

/** The first part says how many there are; parts beyond that are left-overs of a larger value. */
function join (partAt: (part: number) => string | undefined): string | undefined {
  const first = partAt(0)
  const count = first?.[1] === '.' ? '1234'.indexOf(first[0] as string) + 1 : 0
  if (first === undefined || count === 0 || first.length === 2) return undefined
  if (count === 1) return first.slice(2)
  const parts = [first.slice(2)]
  for (let part = 1; part < count; part++) {
    const next = partAt(part)
    if (next === undefined) return undefined
    parts.push(next)
  }
  return parts.join('')
}

/** The pairs of a Cookie header as they stand, doubles included, which a parser into an object would hide. Raises GW-TOO-MANY-COOKIES. */
function * pairsOf (header: string, mostCookies: number): Generator<[string, string]> {
  const pairs = header.split(';', mostCookies + 1)
  if (pairs.length > mostCookies) throw new GatewayError('GW-TOO-MANY-COOKIES')
  for (const pair of pairs) {
    const equals = pair.indexOf('=')
    if (equals > 0) yield [pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()]
  }
}
