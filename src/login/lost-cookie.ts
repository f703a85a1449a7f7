import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { ErrorCode } from '../errors.js'
import { loginSeconds } from './logins.js'

// What the gateway saw when a login began rides in its state: where the cookie does not come back, nothing else does.
// It is not secret and proves nothing; it chooses the words of a page.
const note = /\.([\da-z]{1,9})\.([\w-]{6})([sp])$/
const frames = new Set(['iframe', 'frame', 'embed', 'object'])
// Replicas whose clocks differ by more are worth a word.
const clockMs = 60_000

/**
 * The note for the state of a login that begins with a request of these headers; `tenant` names one that shares its
 * callback with others.
 */
export function noteStart (headers: IncomingHttpHeaders, now: number, tenant?: string): string {
  // Browsers send fetch metadata to trustworthy origins only: over https, and to this machine.
  const second = Math.floor(now / 1000).toString(36)
  const security = headers['sec-fetch-mode'] === undefined ? 'p' : 's'
  return `${tenant === undefined ? '' : `.${tenant}`}.${second}.${tagOf(headers.host)}${security}`
}

/** The tenant that the note of a state names. */
export function tenantIn (state: string): string | undefined {
  return /^[^.]+\.([\da-z-]{1,32})\.[^.]+\.[^.]+$/.exec(state)?.[1]
}

/** Whether a state is of the form of ours. */
export function isNoted (state: string): boolean {
  return note.test(state)
}

/** Why a login most likely came back without a cookie that opens; `arrived`: with one that does not. */
export function judgeLostCookie (state: string, headers: IncomingHttpHeaders, arrived: boolean, now: number): ErrorCode {
  if (arrived) return 'GW-LOGIN-COOKIE-KEY'
  if (frames.has(String(headers['sec-fetch-dest']))) return 'GW-LOGIN-COOKIE-FRAME'
  if (isLate(state, now)) return 'GW-LOGIN-LATE'
  const [, , host, transport] = note.exec(state) ?? []
  if (host !== undefined && host !== tagOf(headers.host)) return 'GW-LOGIN-COOKIE-HOST'
  return transport === 'p' && headers['sec-fetch-mode'] !== undefined ? 'GW-LOGIN-COOKIE-HTTP' : 'GW-LOGIN-COOKIE'
}

/** Whether a login began too long ago, or by the clock of another replica has not begun yet. */
export function isLate (state: string, now: number): boolean {
  const [, seconds] = note.exec(state) ?? []
  const ageMs = seconds === undefined ? 0 : now - parseInt(seconds, 36) * 1000
  return ageMs >= loginSeconds * 1000 || ageMs < -clockMs
}

function tagOf (host: string | undefined): string {
  return createHash('sha256').update(String(host).toLowerCase()).digest('base64url').slice(0, 6)
}
