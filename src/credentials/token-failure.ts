/**
 * Why the token endpoint gave no token. `refused`: the code or token is dead, or the client is (400, 401).
 * `limited`: the user is disabled or has too many tokens (403). `unavailable`: 429, 5xx, no answer in time, an answer that is none.
 */
export type FailureKind = 'refused' | 'limited' | 'unavailable'

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
    super(`The token endpoint ${describe(kind)} (${details.status ?? 'no answer'}${details.tenantCode ? `, ${details.tenantCode}` : ''})`, details.cause === undefined ? {} : { cause: details.cause })
    this.kind = kind
    this.status = details.status
    this.tenantCode = details.tenantCode
    this.retryAfterSeconds = details.retryAfterSeconds
  }
}

/** Sorts an answer by its status alone: the tenant's bodies are not those of RFC 6749. */
export function kindOfStatus (status: number): FailureKind {
  if (status === 403) return 'limited'
  return status >= 400 && status < 500 && status !== 408 && status !== 429 ? 'refused' : 'unavailable'
}

/** Reads a Retry-After header (RFC 9110, section 10.2.3): seconds or a date. */
export function readRetryAfter (header: string | null, now: number): number | undefined {
  if (header === null) return undefined
  if (/^\d+$/.test(header)) return Number(header)
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - now) / 1000))
}

function describe (kind: FailureKind): string {
  switch (kind) {
    case 'refused': return 'refused the grant'
    case 'limited': return 'issues no more tokens for this user'
    case 'unavailable': return 'gave no usable answer'
  }
}
