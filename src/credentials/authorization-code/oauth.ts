import * as oauth from 'oauth4webapi'
import type { RenewableTokens, TokenSet } from '../../session/record.js'
import type { ClientAuthentication } from '../client-authentication.js'
import { TokenFailure } from '../token-failure.js'
import { TokenEndpoint, type TokenEndpointOptions, type TokenRequest } from '../token-endpoint.js'

export interface TenantOAuthOptions extends TokenEndpointOptions {
  issuer: string
  clientId: string
  authentication: ClientAuthentication
  redirectUri: string
  scopes: readonly string[]
}

/** How revocations are sent. Qlik documents only the token and its hint. A tenant may want the client in the body, or no hint. */
interface RevocationForm { authentication: oauth.ClientAuth, isHinted: boolean }

// The tenant may have used up the code or the refresh token of a call that is given up, so the limit is long.
const timeoutMs = 30_000

/** The address for the browser, the state that must come back from the tenant, and the verifier for the exchange. */
export interface AuthorizationRequest { url: URL, state: string, codeVerifier: string }

/** The tenant as an authorization server (RFC 6749), at its fixed endpoints. */
export interface TenantOAuth {
  /** What an `iss` parameter of the callback must equal. */
  readonly issuer: string
  /**
   * Makes an authorization request with PKCE (RFC 7636) and a new state, which ends with `note`. `prompt` is that of
   * OpenID Connect Core, section 3.1.2.1.
   */
  authorize (note?: string, prompt?: 'login'): Promise<AuthorizationRequest>
  /**
   * Judges the parameters of the callback (RFC 6749, section 4.1.2; RFC 9207). Returns them for `exchange`;
   * raises AuthorizationResponseError for an error of the tenant and OperationProcessingError for anything else.
   */
  judgeCallback (parameters: URLSearchParams, state: string): URLSearchParams
  /** Exchanges the code of a judged callback. Raises TokenFailure. */
  exchange (judged: URLSearchParams, codeVerifier: string): Promise<TokenSet>
  /** Exchanges the refresh token for new tokens. Raises TokenFailure. */
  refresh: (tokens: RenewableTokens) => Promise<RenewableTokens>
  /** Revokes a token (RFC 7009), by default a refresh token. Raises TokenFailure. */
  revoke (token: string, hint?: 'refresh_token' | 'access_token'): Promise<void>
}

export function createTenantOAuth (options: TenantOAuthOptions): TenantOAuth {
  const { tenantUrl, clientId, redirectUri } = options
  const endpoint = new TokenEndpoint({ timeoutMs, ...options })
  // No discovery: it fails where the issuer is not the tenant's host name, and the endpoints are the same on every tenant.
  const server: oauth.AuthorizationServer = {
    issuer: options.issuer,
    authorization_endpoint: new URL('/oauth/authorize', tenantUrl).href,
    token_endpoint: new URL('/oauth/token', tenantUrl).href,
    revocation_endpoint: new URL('/oauth/revoke', tenantUrl).href
  }
  const client: oauth.Client = { client_id: clientId }
  const { inBody } = options.authentication
  let revocationForm: RevocationForm = { authentication: options.authentication.inHeader, isHinted: true }
  let otherRevocationForm: RevocationForm = { authentication: inBody, isHinted: false }

  async function grant (request: TokenRequest, generation: number): Promise<TokenSet> {
    return { ...await endpoint.grant(request), generation }
  }

  return {
    issuer: options.issuer,
    async authorize (note = '', prompt) {
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
        code_challenge_method: 'S256',
        ...(prompt === undefined ? {} : { prompt })
      }).toString()
      return { url, state, codeVerifier }
    },
    judgeCallback: (parameters, state) => oauth.validateAuthResponse(server, client, parameters, state),
    exchange: (judged, codeVerifier) => grant(
      extras => oauth.authorizationCodeGrantRequest(server, client, inBody, judged, redirectUri, codeVerifier, extras),
      0
    ),
    async refresh ({ refreshToken, generation }) {
      const tokens = await grant(extras => oauth.refreshTokenGrantRequest(server, client, inBody, refreshToken, extras), generation + 1)
      // An answer without a refresh token keeps the old one (RFC 6749, section 6).
      return { refreshToken, ...tokens }
    },
    async revoke (token, hint = 'refresh_token') {
      const [form, other] = [revocationForm, otherRevocationForm]
      const tell = async ({ authentication, isHinted }: RevocationForm) => {
        const additionalParameters: Record<string, string> = isHinted ? { token_type_hint: hint } : {}
        await endpoint.tell(extras => oauth.revocationRequest(server, client, authentication, token, { ...extras, additionalParameters }))
      }
      try {
        await tell(form)
      } catch (error) {
        if (!(error instanceof TokenFailure) || (error.status !== 400 && error.status !== 401)) throw error
        await tell(other)
        ;[revocationForm, otherRevocationForm] = [other, form]
      }
    }
  }
}
