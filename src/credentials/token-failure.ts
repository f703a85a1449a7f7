import { GatewayError, type ErrorCode } from '../errors.js'
import type { RefusalSource } from '../signals.js'

/**
 * Why the token endpoint gave no token. `refused`: it says that the code or token is not valid. `client`: it does not
 * accept the OAuth client. `limited`: the user is disabled or has too many tokens. `unavailable`: anything else,
 * including the answers of proxies and none at all.
 */
export type FailureKind = typeof failureKinds[number]

export const failureKinds = ['refused', 'client', 'limited', 'unavailable'] as const

export interface FailureDetails {
  /** The HTTP status, when there was an answer. */
  status?: number | undefined
  /** The tenant's own error code, when its answer had one. */
  tenantCode?: string | undefined
  /** Seconds the tenant asks to wait. */
  retryAfterSeconds?: number | undefined
  cause?: unknown
}

/** A failed call of the token endpoint. Its message holds nothing of the request. */
export class TokenFailure extends Error {
  override name = 'TokenFailure'
  readonly kind: FailureKind
  readonly status: number | undefined
  readonly tenantCode: string | undefined
  readonly retryAfterSeconds: number | undefined

  constructor (kind: FailureKind, details: FailureDetails) {
    const answer = `${details.status ?? 'no answer'}${details.tenantCode ? `, ${details.tenantCode}` : ''}`
    super(`The token endpoint ${descriptions[kind]} (${answer})`, details.cause === undefined ? {} : { cause: details.cause })
    this.kind = kind
    this.status = details.status
    this.tenantCode = details.tenantCode
    this.retryAfterSeconds = details.retryAfterSeconds
  }
}

const descriptions: Record<FailureKind, string> = {
  refused: 'refused the grant',
  client: 'does not accept the OAuth client',
  limited: 'issues no more tokens for this user',
  unavailable: 'gave no usable answer'
}

const codes: Record<Exclude<FailureKind, 'refused'>, ErrorCode> = {
  client: 'GW-CLIENT-REFUSED', limited: 'GW-TOKEN-LIMIT', unavailable: 'GW-TENANT-BUSY'
}

/** The error of a request that gets no token now, although its session continues. */
export function toGatewayError (kind: Exclude<FailureKind, 'refused'>, failure: TokenFailure): GatewayError {
  return new GatewayError(codes[kind], { cause: failure, retryAfterSeconds: failure.retryAfterSeconds ?? 1 })
}

// The errors about the client in RFC 6749, section 5.2, and Qlik's codes for a wrong client id and secret.
const clientCodes = new Set(['invalid_client', 'unauthorized_client', 'unsupported_grant_type', 'invalid_scope', 'OAUTH-14', 'OAUTH-22'])
const passingCodes = new Set(['server_error', 'temporarily_unavailable'])

/** What a grant is for: a code or token, or a user whom the client impersonates. */
export type GrantSubject = 'token' | 'user'

/**
 * The statuses that refuse a grant. An unknown user may be 400, 403 or 404. With a user, 401 is always about the
 * client, since no token is sent that could be wrong.
 */
const refusingStatus: Record<GrantSubject, readonly number[]> = { token: [400, 401], user: [400, 404] }

/** An error in the form of the endpoint itself: Qlik's `errors[]`, or that of RFC 6749, section 5.2. */
interface EndpointError { code: string | undefined, title: string, aboutClient: boolean, qlik: boolean }

/** A failure, and who or what it is about. `source` is undefined for an outage. */
export interface JudgedRefusal { failure: TokenFailure, source: RefusalSource | undefined }

/**
 * Judges an answer without a token. Only an error of the token endpoint itself can end a session. A proxy before it may
 * answer with any status, and a refusal of the client does not concern the token.
 */
export function judgeRefusal (
  status: number, body: unknown, retryAfterSeconds?: number, subject: GrantSubject = 'token'
): JudgedRefusal {
  const error = readEndpointError(body)
  const details = { status, tenantCode: error?.code, retryAfterSeconds }
  const isRefusal = refusingStatus[subject].includes(status)
  const isOutage = status >= 500 || status === 408 || status === 429
  if (error === undefined) return { failure: new TokenFailure('unavailable', details), source: isOutage ? undefined : 'intermediary' }
  if ((isRefusal || status === 401 || status === 403) && isAboutClient(error, status, subject)) {
    return { failure: new TokenFailure('client', details), source: 'client' }
  }
  if (status === 403 && error.qlik) return { failure: new TokenFailure('limited', details), source: 'token' }
  if (isRefusal && !passingCodes.has(String(error.code))) return { failure: new TokenFailure('refused', details), source: 'token' }
  return { failure: new TokenFailure('unavailable', details), source: undefined }
}

function readEndpointError (body: unknown): EndpointError | undefined {
  const { errors, error } = Object(body) as { errors?: unknown, error?: unknown }
  if (typeof error === 'string') return describe(error, '', false)
  if (!Array.isArray(errors)) return undefined
  const [first] = errors as unknown[]
  const { code, title } = Object(first) as { code?: unknown, title?: unknown }
  return code === undefined && title === undefined ? undefined : describe(code, title, true)
}

function describe (code: unknown, title: unknown, qlik: boolean): EndpointError {
  const word = typeof code === 'string' && /^[\w-]{1,40}$/.test(code) ? code : undefined
  return { code: word, title: String(title), aboutClient: clientCodes.has(String(word)) || /\bclient/i.test(String(title)), qlik }
}

function isAboutClient ({ title, aboutClient }: EndpointError, status: number, subject: GrantSubject): boolean {
  return aboutClient || (subject === 'user' && (status === 401 || /\b(?:scope|grant type)/i.test(title)))
}

// A longer wait, asked for by mistake, would lock users out.
const longestRetryAfterSeconds = 300

/** Reads a Retry-After header (RFC 9110, section 10.2.3): seconds or a date. More than five minutes count as five minutes. */
export function readRetryAfter (header: string | null, now: number): number | undefined {
  if (header === null) return undefined
  const seconds = /^\d+$/.test(header) ? Number(header) : Math.ceil((Date.parse(header) - now) / 1000)
  return Number.isNaN(seconds) ? undefined : Math.min(longestRetryAfterSeconds, Math.max(0, seconds))
}
