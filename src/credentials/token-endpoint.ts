import * as oauth from 'oauth4webapi'
import { createSignals, type Signals } from '../signals.js'
import { abortAfter } from '../time-limit.js'
import { judgeRefusal, readRetryAfter, TokenFailure, type GrantSubject } from './token-failure.js'

export interface TokenEndpointOptions {
  tenantUrl: URL
  fetch: typeof fetch
  now: () => number
  /** How long a call may take, its body included; 10 seconds unless set. */
  timeoutMs?: number
  signals?: Signals
}

/** Sends a request to an endpoint: oauth4webapi with `options`, or its own form with `send`. */
export type TokenRequest = (options: oauth.TokenEndpointRequestOptions, send: typeof fetch) => Promise<Response>

/** The tokens of an answer. Only the access token is required. */
export interface GrantedTokens {
  accessToken: string
  refreshToken?: string
  /** When the call began, and when the access token ends, in ms since the epoch. */
  grantedAt: number
  endsAt: number
}

/**
 * Calls the token and revocation endpoints of a tenant. The answers are read here: oauth4webapi refuses those in which
 * members beside the access token are null or odd, and does not know errors in Qlik's shape.
 */
export class TokenEndpoint {
  readonly #options: TokenEndpointOptions
  readonly #signals: Signals

  constructor (options: TokenEndpointOptions) {
    this.#options = options
    this.#signals = options.signals ?? createSignals()
  }

  /** Asks for tokens. `subject` says whether the grant is for a code or token, or for a user. Raises TokenFailure. */
  async grant (request: TokenRequest, subject: GrantSubject = 'token'): Promise<GrantedTokens> {
    const grantedAt = this.#options.now()
    const { status, body } = await this.#call(request, subject)
    const tokens = readTokens(body, grantedAt)
    if (tokens !== undefined) return tokens
    throw this.#notFromTenant(status)
  }

  /** Sends a request whose answer has no content of interest. Raises TokenFailure, also for a page, which comes from a proxy. */
  async tell (request: TokenRequest): Promise<void> {
    const { status, isPage } = await this.#call(request, 'token')
    if (isPage) throw this.#notFromTenant(status)
  }

  #notFromTenant (status: number): TokenFailure {
    const failure = new TokenFailure('unavailable', { status })
    this.#signals.emit('tokenRefused', 'intermediary', failure)
    return failure
  }

  async #call (request: TokenRequest, subject: GrantSubject): Promise<{ status: number, body: unknown, isPage: boolean }> {
    const { fetch, tenantUrl, timeoutMs = 10_000, now } = this.#options
    const send: typeof globalThis.fetch = async (url, init) => await fetch(url, { ...init, signal: abortAfter(timeoutMs) })
    let response: Response
    let text: string
    try {
      response = await request({
        [oauth.customFetch]: send,
        // The settings allow http for loopback hosts only.
        [oauth.allowInsecureRequests]: tenantUrl.protocol === 'http:'
      }, send)
      text = await response.text()
    } catch (cause) {
      throw new TokenFailure('unavailable', { cause })
    }
    const { status, headers } = response
    const body = parse(text)
    if (response.ok) return { status, body, isPage: /\bhtml\b/i.test(String(headers.get('content-type'))) }
    const { failure, source } = judgeRefusal(status, body, readRetryAfter(headers.get('retry-after'), now()), subject)
    if (source !== undefined) this.#signals.emit('tokenRefused', source, failure)
    throw failure
  }
}

function parse (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

// Assumed if an answer names no expiry: long enough to be useful, short enough to be renewed before a real end.
const assumedLifeMs = 300_000
// The characters of a token (RFC 6749, appendix A.12), which a header can carry.
const token = /^[\u0021-\u007e]+$/

/** The tokens of a parsed answer; undefined without an access token. Other members that are null or odd count as absent. */
function readTokens (body: unknown, grantedAt: number): GrantedTokens | undefined {
  const answer = Object(body) as Record<string, unknown>
  const { access_token: accessToken, refresh_token: refreshToken } = answer
  if (!isToken(accessToken)) return undefined
  return { accessToken, ...(isToken(refreshToken) ? { refreshToken } : {}), grantedAt, endsAt: grantedAt + lifeOf(answer, grantedAt) }
}

function isToken (value: unknown): value is string {
  return typeof value === 'string' && token.test(value)
}

/** `expires_in` needs no common clock; `expires_at` is Qlik's own. A life of less than a second counts as absent. */
function lifeOf ({ expires_in: seconds, expires_at: end }: Record<string, unknown>, grantedAt: number): number {
  const lifeMs = (typeof seconds === 'string' || typeof seconds === 'number' ? Number(seconds) : NaN) * 1000
  if (Number.isFinite(lifeMs) && lifeMs >= 1000) return lifeMs
  const endsAt = typeof end === 'string' ? Date.parse(end) : NaN
  return endsAt >= grantedAt + 1000 ? endsAt - grantedAt : assumedLifeMs
}
