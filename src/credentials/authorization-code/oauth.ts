import * as oauth from 'oauth4webapi'
import type { RenewableTokens, TokenSet } from '../../session/record.js'
import { kindOfStatus, readRetryAfter, TokenFailure } from '../token-failure.js'

export interface TenantOAuthOptions {
  tenantUrl: URL
  issuer: string
  clientId: string
  clientSecret: string
  redirectUri: string
  scopes: readonly string[]
  fetch: typeof fetch
  now: () => number
  /** How long a call of the token endpoint may take, its body included; 10 seconds unless set. */
  timeoutMs?: number
}

/** What the browser must bring back from the tenant, and what is kept for the exchange. */
export interface AuthorizationRequest { url: URL, state: string, codeVerifier: string }

/** The tenant as an authorization server (RFC 6749), at its fixed endpoints. */
export interface TenantOAuth {
  /** What an `iss` parameter of the callback must equal. */
  readonly issuer: string
  /** The address to send the browser to, with fresh state, which ends with the note, and PKCE (RFC 7636). */
  authorize (note?: string): Promise<AuthorizationRequest>
  /**
   * Judges the parameters of the callback (RFC 6749, section 4.1.2; RFC 9207). Returns them for `exchange`;
   * raises AuthorizationResponseError for an error of the tenant and OperationProcessingError for anything else.
   */
  judgeCallback (parameters: URLSearchParams, state: string): URLSearchParams
  /** Exchanges the code of a judged callback. Raises TokenFailure. */
  exchange (judged: URLSearchParams, codeVerifier: string): Promise<TokenSet>
  /** Trades the refresh token for the next set. Raises TokenFailure. */
  refresh: (tokens: RenewableTokens) => Promise<RenewableTokens>
  /** Revokes a refresh token (RFC 7009). Raises TokenFailure. */
  revoke (refreshToken: string): Promise<void>
}

// What an answer without any time means: long enough to be useful, short enough to be renewed before a shorter real end.
const assumedLifeMs = 300_000

export function createTenantOAuth (options: TenantOAuthOptions): TenantOAuth {
  const { tenantUrl, clientId, redirectUri, now, timeoutMs = 10_000 } = options
  // Discovery would fail where the tenant's issuer is not its host name; the endpoints are the same on every tenant.
  const server: oauth.AuthorizationServer = {
    issuer: options.issuer,
    authorization_endpoint: new URL('/oauth/authorize', tenantUrl).href,
    token_endpoint: new URL('/oauth/token', tenantUrl).href,
    revocation_endpoint: new URL('/oauth/revoke', tenantUrl).href
  }
  const client: oauth.Client = { client_id: clientId }
  const authentication = oauth.ClientSecretPost(options.clientSecret)

  async function call (request: (options: oauth.TokenEndpointRequestOptions) => Promise<Response>): Promise<Response> {
    let response: Response
    try {
      response = await request({
        [oauth.customFetch]: (url, init) => options.fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMs) }),
        // The settings allow http for loopback hosts only.
        [oauth.allowInsecureRequests]: tenantUrl.protocol === 'http:'
      })
    } catch (cause) {
      throw new TokenFailure('unavailable', { cause })
    }
    if (response.ok) return response
    throw new TokenFailure(kindOfStatus(response.status), {
      status: response.status,
      tenantCode: await readErrorCode(response),
      retryAfterSeconds: readRetryAfter(response.headers.get('retry-after'), now())
    })
  }

  async function grant (
    request: (options: oauth.TokenEndpointRequestOptions) => Promise<Response>,
    process: (response: Response) => Promise<oauth.TokenEndpointResponse>,
    generation: number
  ): Promise<TokenSet> {
    const grantedAt = now()
    const response = await call(request)
    try {
      return toTokenSet(await process(response), grantedAt, generation)
    } catch (cause) {
      throw new TokenFailure('unavailable', { status: response.status, cause })
    }
  }

  return {
    issuer: options.issuer,
    async authorize (note = '') {
      const state = oauth.generateRandomState() + note
      const codeVerifier = oauth.generateRandomCodeVerifier()
      const url = new URL(server.authorization_endpoint as string)
      url.search = new URLSearchParams({
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        scope: options.scopes.join(' '),
        state,
        code_challenge: await oauth.calculatePKCECodeChallenge(codeVerifier),
        code_challenge_method: 'S256'
      }).toString()
      return { url, state, codeVerifier }
    },
    judgeCallback: (parameters, state) => oauth.validateAuthResponse(server, client, parameters, state),
    exchange: (judged, codeVerifier) => grant(
      extras => oauth.authorizationCodeGrantRequest(server, client, authentication, judged, redirectUri, codeVerifier, extras),
      response => oauth.processAuthorizationCodeResponse(server, client, response),
      0
    ),
    async refresh ({ refreshToken, generation }) {
      const tokens = await grant(
        extras => oauth.refreshTokenGrantRequest(server, client, authentication, refreshToken, extras),
        response => oauth.processRefreshTokenResponse(server, client, response),
        generation + 1
      )
      // An answer without a refresh token keeps the old one (RFC 6749, section 6).
      return { refreshToken, ...tokens }
    },
    async revoke (refreshToken) {
      const response = await call(extras => oauth.revocationRequest(server, client, authentication, refreshToken, {
        ...extras,
        additionalParameters: { token_type_hint: 'refresh_token' }
      }))
      await response.body?.cancel()
    }
  }
}

function toTokenSet (answer: oauth.TokenEndpointResponse, grantedAt: number, generation: number): TokenSet {
  return {
    accessToken: answer.access_token,
    ...(answer.refresh_token === undefined ? {} : { refreshToken: answer.refresh_token }),
    grantedAt,
    endsAt: grantedAt + lifeOf(answer, grantedAt),
    generation
  }
}

/** `expires_in` counts from the answer and needs no common clock; `expires_at` is Qlik's own. */
function lifeOf (answer: oauth.TokenEndpointResponse, grantedAt: number): number {
  if (answer.expires_in !== undefined) return answer.expires_in * 1000
  const endsAt = typeof answer.expires_at === 'string' ? Date.parse(answer.expires_at) : NaN
  return endsAt > grantedAt ? endsAt - grantedAt : assumedLifeMs
}

async function readErrorCode (response: Response): Promise<string | undefined> {
  try {
    const body = await response.json() as { errors?: { code?: unknown }[], error?: unknown }
    const code = body.errors?.[0]?.code ?? body.error
    return typeof code === 'string' && /^[\w-]{1,40}$/.test(code) ? code : undefined
  } catch {
    // The status alone decides; a body that cannot be read adds nothing.
    return undefined
  }
}
