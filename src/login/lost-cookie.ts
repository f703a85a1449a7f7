import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { ErrorCode } from '../errors.js'
import { loginSeconds } from './logins.js'

// What the gateway saw when a login began is noted in its state, because without the cookie nothing else comes back.
// The note is not secret and proves nothing: it only selects the text of the error page.
const note = /\.([\da-z]{1,9})\.([\w-]{6})([sp])$/
const frames = new Set(['iframe', 'frame', 'embed', 'object'])
// Replicas whose clocks differ by more than this get an error page that says so.
const clockMs = 60_000

/**
 * Returns the note for the state of a login that begins with these headers. `tenant` names a tenant that shares its
 * callback with others.
 */
export function noteStart (headers: IncomingHttpHeaders, now: number, tenant?: string): string {
  // Browsers send fetch metadata only to trustworthy origins: over https, and to this machine.
  const second = Math.floor(now / 1000).toString(36)
  const security = headers['sec-fetch-mode'] === undefined ? 'p' : 's'
  return `${tenant === undefined ? '' : `.${tenant}`}.${second}.${tagOf(headers.host)}${security}`
}

/** The tenant that is named in the note of a state. */
export function tenantIn (state: string): string | undefined {
  return /^[^.]+\.([\da-z-]{1,32})\.[^.]+\.[^.]+$/.exec(state)?.[1]
}

/** Whether a state has the form of this gateway's states. */
export function isNoted (state: string): boolean {
  return note.test(state)
}

/**
 * The most likely reason why a login came back without a readable cookie. `arrived` says that an unreadable one came.
 */
export function judgeLostCookie (state: string, headers: IncomingHttpHeaders, arrived: boolean, now: number): ErrorCode {
  if (arrived) return 'GW-LOGIN-COOKIE-KEY'
  if (frames.has(String(headers['sec-fetch-dest']))) return 'GW-LOGIN-COOKIE-FRAME'
  if (isLate(state, now)) return 'GW-LOGIN-LATE'
  const [, , host, transport] = note.exec(state) ?? []
  if (host !== undefined && host !== tagOf(headers.host)) return 'GW-LOGIN-COOKIE-HOST'
  return transport === 'p' && headers['sec-fetch-mode'] !== undefined ? 'GW-LOGIN-COOKIE-HTTP' : 'GW-LOGIN-COOKIE'
}

/** Whether a login began too long ago, or in the future according to this replica's clock. */
export function isLate (state: string, now: number): boolean {
  const [, seconds] = note.exec(state) ?? []
  const ageMs = seconds === undefined ? 0 : now - parseInt(seconds, 36) * 1000
  return ageMs >= loginSeconds * 1000 || ageMs < -clockMs
}

function tagOf (host: string | undefined): string {
  return createHash('sha256').update(String(host).toLowerCase()).digest('base64url').slice(0, 6)
}
