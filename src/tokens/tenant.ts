import * as oauth from 'oauth4webapi'
import type { TokenSet } from '../session/session.js'
import { kindOfStatus, readRetryAfter, TokenFailure } from './failure.js'

export interface TenantOAuthOptions {
  tenantUrl: URL
  issuer: string
  clientId: string
  clientSecret: string
  redirectUri: string
  scopes: readonly string[]
  fetch: typeof fetch
  now: () => number
}

/** What the browser must bring back from the tenant, and what is kept for the exchange. */
export interface AuthorizationRequest { url: URL, state: string, codeVerifier: string }

/** The tenant as an authorization server (RFC 6749), at its fixed endpoints. */
export interface TenantOAuth {
  /** What an `iss` parameter of the callback must equal. */
  readonly issuer: string
  /** The address to send the browser to, with fresh state and PKCE (RFC 7636). */
  authorize (): Promise<AuthorizationRequest>
  /**
   * Judges the parameters of the callback (RFC 6749, section 4.1.2; RFC 9207). Returns them for `exchange`;
   * raises AuthorizationResponseError for an error of the tenant and OperationProcessingError for anything else.
   */
  judgeCallback (parameters: URLSearchParams, state: string): URLSearchParams
  /** Exchanges the code of a judged callback. Raises TokenFailure. */
  exchange (judged: URLSearchParams, codeVerifier: string): Promise<TokenSet>
  /** Trades the refresh token for the next set. Raises TokenFailure. */
  refresh: (tokens: TokenSet & { refreshToken: string }) => Promise<TokenSet>
  /** Revokes a refresh token (RFC 7009). Raises TokenFailure. */
  revoke (refreshToken: string): Promise<void>
}

const timeoutMs = 10_000
// What an answer without any time means: long enough to be useful, short enough to be renewed before a shorter real end.
const assumedLifeMs = 300_000

export function createTenantOAuth (options: TenantOAuthOptions): TenantOAuth {
  const { tenantUrl, clientId, redirectUri, now } = options
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
    const retryAfterSeconds = readRetryAfter(response.headers.get('retry-after'), now())
    const tenantCode = await readErrorCode(response)
    throw new TokenFailure(kindOfStatus(response.status), {
      status: response.status,
      ...(tenantCode === undefined ? {} : { tenantCode }),
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds })
    })
  }

  async function grant (
    request: (options: oauth.TokenEndpointRequestOptions) => Promise<Response>,
    process: (response: Response) => Promise<oauth.TokenEndpointResponse>,
    previous?: TokenSet
  ): Promise<TokenSet> {
    const grantedAt = now()
    const response = await call(request)
    try {
      return toTokenSet(await process(response), grantedAt, previous)
    } catch (cause) {
      throw new TokenFailure('unavailable', { status: response.status, cause })
    }
  }

  return {
    issuer: options.issuer,
    async authorize () {
      const state = oauth.generateRandomState()
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
      response => oauth.processAuthorizationCodeResponse(server, client, response)
    ),
    refresh: tokens => grant(
      extras => oauth.refreshTokenGrantRequest(server, client, authentication, tokens.refreshToken, extras),
      response => oauth.processRefreshTokenResponse(server, client, response),
      tokens
    ),
    async revoke (refreshToken) {
      const response = await call(extras => oauth.revocationRequest(server, client, authentication, refreshToken, {
        ...extras,
        additionalParameters: { token_type_hint: 'refresh_token' }
      }))
      await response.body?.cancel()
    }
  }
}

function toTokenSet (answer: oauth.TokenEndpointResponse, grantedAt: number, previous: TokenSet | undefined): TokenSet {
  // An answer without a refresh token keeps the old one (RFC 6749, section 6).
  const refreshToken = answer.refresh_token ?? previous?.refreshToken
  return {
    accessToken: answer.access_token,
    ...(refreshToken === undefined ? {} : { refreshToken }),
    grantedAt,
    endsAt: grantedAt + lifeOf(answer, grantedAt),
    generation: previous === undefined ? 0 : previous.generation + 1
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
