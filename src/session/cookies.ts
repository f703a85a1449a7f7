import { fastifyCookie } from '@fastify/cookie'
import fastify from 'fastify'
import { GatewayError } from '../errors.js'
import { ownInstance } from '../own-instance.js'

// @fastify/cookie loads its serializer with the first instance that registers it.
await fastify(ownInstance).register(fastifyCookie).ready()

/** The gateway's cookies: the session, and one for each sign-in under way. */
export type CookieName = 'session' | `login-${string}`

export interface CookieSettings {
  /** The public URL is https: names carry `__Host-` and cookies are Secure. */
  secure: boolean
  /** The session cookie must reach frames and calls of other sites. */
  crossSite: boolean
  /** First part of the names; `qlik` unless set. */
  name?: string
  /** How many cookies a request may carry; 150 unless set. */
  mostCookies?: number
}

/** What the browser sent under one of our names. */
export interface ReceivedCookie {
  /** The values that its parts make up: none if a part is missing, several if one came twice. */
  readonly values: readonly string[]
  /** How many parts came, without duplicates. */
  readonly parts: number
  /** The values of a session cookie of the other cookie mode. */
  readonly former: readonly string[]
  /** Set-Cookie lines that delete duplicates and session cookies of the other mode. */
  readonly leftOvers: readonly string[]
}

export interface CookieJar {
  /** Reads one of our cookies from a Cookie header. */
  read (name: CookieName, header: string | undefined): ReceivedCookie
  /**
   * The Set-Cookie lines that store a value, and delete further parts of a former, larger value and left-overs. Raises
   * GW-SESSION-TOO-LARGE.
   */
  write (name: CookieName, value: string, maxAgeSeconds: number, received?: ReceivedCookie): string[]
  /** The Set-Cookie lines that delete a cookie: the session in all the parts that it can have, others in those that came. */
  clear (name: CookieName, received?: ReceivedCookie): string[]
  /** The names, behind `login-`, of our cookies for sign-ins in a Cookie header. */
  loginTags (header: string | undefined): string[]
}

// Browsers silently ignore a cookie of more than 4,096 bytes (name and value), and keep the one before it.
const partBytes = 3_900
const mostParts = 4
// Each part may come twice, partitioned and not. More cannot come from this gateway.
const mostValues = 2 ** mostParts

const nothing: ReceivedCookie = { values: [], parts: 0, former: [], leftOvers: [] }

type Attributes = { sameSite: 'none', partitioned: true } | { sameSite: 'lax' }
const partitioned: Attributes = { sameSite: 'none', partitioned: true }
const lax: Attributes = { sameSite: 'lax' }

/** A jar that writes with the serializer of @fastify/cookie. */
export function createCookieJar ({ secure, crossSite, name: first = 'qlik', mostCookies = 150 }: CookieSettings): CookieJar {
  const prefix = `${secure ? '__Host-' : ''}${first}-`
  // A browser keeps a partitioned and an unpartitioned cookie under the same name and sends both. So each mode has a name of its own.
  const [session, formerSession] = crossSite ? [`${prefix}session-x`, `${prefix}session`] : [`${prefix}session`, `${prefix}session-x`]
  const fullName = (name: CookieName) => name === 'session' ? session : prefix + name
  // Cookies of sign-ins are needed by top-level navigations only, for which Lax suffices. Partitioned ones would be missing in the popup.
  const attributesOf = (name: CookieName) => crossSite && name === 'session' ? partitioned : lax
  const set = (name: string, part: number, value: string, maxAge: number, attributes: Attributes) =>
    fastifyCookie.serialize(part === 0 ? name : `${name}.${part}`, value, { httpOnly: true, path: '/', secure, maxAge, ...attributes })
  const drop = (name: string, part: number, ...each: Attributes[]) => each.map(attributes => set(name, part, '', 0, attributes))

  function readParts (name: string, pairs: readonly [string, string][]): Map<number, string[]> {
    const parts = new Map<number, string[]>()
    for (const [cookie, value] of pairs) {
      const part = partOf(cookie, name)
      if (part !== undefined) parts.set(part, [...parts.get(part) ?? [], value])
    }
    return parts
  }

  return {
    read (name, header) {
      const own = fullName(name)
      if (header === undefined || !header.includes(name === 'session' ? `${prefix}session` : own)) return nothing
      const pairs = [...pairsOf(header, mostCookies)]
      const parts = readParts(own, pairs)
      const former = name === 'session' ? readParts(formerSession, pairs) : new Map<number, string[]>()
      return {
        values: join(parts),
        parts: parts.size,
        former: join(former),
        leftOvers: secure
          ? [
              // The duplicate is of the other kind, partitioned or not, so what is written does not replace it.
              ...[...parts].flatMap(([part, values]) => values.length > 1 ? drop(own, part, crossSite ? lax : partitioned) : []),
              ...[...former.keys()].flatMap(part => drop(formerSession, part, lax, partitioned))
            ]
          : []
      }
    },
    write (name, value, maxAgeSeconds, received = nothing) {
      const count = Math.ceil((value.length + 2) / partBytes)
      if (count > mostParts) throw new GatewayError('GW-SESSION-TOO-LARGE')
      const whole = `${count}.${value}`
      const lines = Array.from({ length: count }, (_, part) =>
        set(fullName(name), part, whole.slice(part * partBytes, (part + 1) * partBytes), maxAgeSeconds, attributesOf(name)))
      for (let part = count; part < Math.min(received.parts, mostParts); part++) {
        lines.push(...drop(fullName(name), part, attributesOf(name)))
      }
      return [...received.leftOvers, ...lines]
    },
    clear (name, received = nothing) {
      const parts = name === 'session' ? mostParts : Math.max(1, received.parts)
      return [...received.leftOvers, ...Array.from({ length: parts }, (_, part) => drop(fullName(name), part, attributesOf(name))).flat()]
    },
    loginTags (header) {
      if (header === undefined || !header.includes(`${prefix}login-`)) return []
      const names = [...pairsOf(header, mostCookies)].map(([cookie]) => cookie)
      return [...new Set(names.flatMap(cookie => cookie.startsWith(prefix) ? loginName.exec(cookie.slice(prefix.length))?.[1] ?? [] : []))]
    }
  }
}

// The cookie names of another gateway on this host may begin with ours. Behind that, they are never of this form.
const loginName = /^login-([\da-f]{12})(?:\.[1-3])?$/

/** The bytes of the names and values that these lines set, without cookies that they delete. */
export function cookieBytes (lines: readonly string[]): number {
  const pairs = lines.map(line => line.split(';', 1)[0] as string)
  return pairs.filter(pair => !pair.endsWith('=')).reduce((bytes, pair) => bytes + pair.length - 1, 0)
}

function partOf (cookie: string, name: string): number | undefined {
  if (cookie === name) return 0
  return cookie.startsWith(`${name}.`) && /^[1-3]$/.test(cookie.slice(name.length + 1)) ? Number(cookie.slice(name.length + 1)) : undefined
}

/**
 * All values that these parts make up. The first part says how many there are; further ones are left over from a larger
 * value. With a part that came twice there are several values, of which one opens at most, unless somebody has planted
 * a cookie.
 */
function join (parts: ReadonlyMap<number, readonly string[]>): string[] {
  const whole = distinct(parts.get(0)).flatMap(first => {
    const count = first[1] === '.' ? '1234'.indexOf(first[0] as string) + 1 : 0
    let values = count === 0 || first.length === 2 ? [] : [first.slice(2)]
    for (let part = 1; part < count && values.length <= mostValues; part++) {
      values = values.flatMap(value => distinct(parts.get(part)).map(next => value + next))
    }
    return values
  })
  return whole.length > mostValues ? [] : whole
}

/** The values without repetitions. Nearly always there is one, and to hash kilobytes for each request costs more than all the rest here. */
function distinct (values: readonly string[] = []): readonly string[] {
  return values.length > 1 ? [...new Set(values)] : values
}

/** The pairs of a Cookie header with duplicates, which a parser that returns an object would lose. Raises GW-TOO-MANY-COOKIES. */
function * pairsOf (header: string, mostCookies: number): Generator<[string, string]> {
  const pairs = header.split(';', mostCookies + 1)
  if (pairs.length > mostCookies) throw new GatewayError('GW-TOO-MANY-COOKIES')
  for (const pair of pairs) {
    const equals = pair.indexOf('=')
    if (equals > 0) yield [pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()]
  }
}
