import { GatewayError, type ErrorCode } from '../errors.js'
import type { RefusalSource } from '../signals.js'

/**
 * Why the token endpoint gave no token. `refused`: it says that the code or token is dead. `client`: it does not accept the OAuth client.
 * `limited`: the user is disabled or has too many tokens. `unavailable`: anything else, whoever answered or did not.
 */
export type FailureKind = 'refused' | 'client' | 'limited' | 'unavailable'

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

const codes: Record<Exclude<FailureKind, 'refused'>, ErrorCode> = { client: 'GW-CLIENT-REFUSED', limited: 'GW-TOKEN-LIMIT', unavailable: 'GW-TENANT-BUSY' }

/** What a request is told whose session goes on, though there is no token for it now. */
export function toGatewayError (kind: Exclude<FailureKind, 'refused'>, failure: TokenFailure): GatewayError {
  return new GatewayError(codes[kind], { cause: failure, retryAfterSeconds: failure.retryAfterSeconds ?? 1 })
}

// RFC 6749, section 5.2, as far as it does not speak of the token, and numbers of Qlik's: client id and secret.
const clientCodes = new Set(['invalid_client', 'unauthorized_client', 'unsupported_grant_type', 'invalid_scope', 'OAUTH-14', 'OAUTH-22'])
const passingCodes = new Set(['server_error', 'temporarily_unavailable'])

/** What a grant is asked for by: a code or token, or a user whom the client impersonates. */
export type GrantSubject = 'token' | 'user'

/**
 * What refuses a grant. That a user is unknown may be 400, 403 or 404; 401 can be about the client alone then, since nothing else that is
 * sent could be wrong.
 */
const refusingStatus: Record<GrantSubject, readonly number[]> = { token: [400, 401], user: [400, 404] }

/** An error as the endpoint itself writes it: Qlik's `errors[]`, or that of RFC 6749, section 5.2. */
interface EndpointError { code: string | undefined, title: string, aboutClient: boolean, qlik: boolean }

/**
 * Sorts an answer without a token. Only what the token endpoint itself says can end a session: a proxy before it may answer with any status,
 * and a tenant that does not accept the client says nothing of the token.
 */
export function judgeRefusal (status: number, body: unknown, retryAfterSeconds?: number, subject: GrantSubject = 'token'): { failure: TokenFailure, source: RefusalSource | undefined } {
  const error = readEndpointError(body)
  const details = { status, tenantCode: error?.code, retryAfterSeconds }
  const isRefusal = refusingStatus[subject].includes(status)
  const isOutage = status >= 500 || status === 408 || status === 429
  if (error === undefined) return { failure: new TokenFailure('unavailable', details), source: isOutage ? undefined : 'intermediary' }
  if ((isRefusal || status === 401 || status === 403) && isAboutClient(error, status, subject)) return { failure: new TokenFailure('client', details), source: 'client' }
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

// A tenant that asks for more locks its users out by one slip.
const longestRetryAfterSeconds = 300

/** Reads a Retry-After header (RFC 9110, section 10.2.3): seconds or a date. More than five minutes count as five minutes. */
export function readRetryAfter (header: string | null, now: number): number | undefined {
  if (header === null) return undefined
  const seconds = /^\d+$/.test(header) ? Number(header) : Math.ceil((Date.parse(header) - now) / 1000)
  return Number.isNaN(seconds) ? undefined : Math.min(longestRetryAfterSeconds, Math.max(0, seconds))
}
