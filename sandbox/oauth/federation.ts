import * as oauth from 'oauth4webapi'
import { Refusal } from '../front/errors.js'
import type { OktaClient } from './okta.js'
import type { UserClaims } from './users.js'

/** Logins at the identity provider. */
export interface Federation {
  /**
   * Begins a login. Returns the identity provider's URL for the browser. `origin` is the tenant's origin that the
   * browser used.
   */
  begin (loginId: string, origin: string): Promise<URL>
  /** Completes a login when the browser returns, with the user who signed in. Throws a Refusal. */
  complete (callback: URL): Promise<{ loginId: string, claims: UserClaims }>
}

interface Pending { loginId: string, verifier: string, nonce: string, redirectUri: string }

const scope = 'openid profile email groups'
const maximalPending = 1000

/** Signs users in at the identity provider, as its OpenID Connect client. */
export function createFederation (issuer: string, { clientId, clientSecret }: Pick<OktaClient, 'clientId' | 'clientSecret'>): Federation {
  const insecure = { [oauth.allowInsecureRequests]: true }
  const client: oauth.Client = { client_id: clientId }
  const pending = new Map<string, Pending>()
  let server: Promise<oauth.AuthorizationServer> | undefined

  const discover = async (): Promise<oauth.AuthorizationServer> => {
    const identifier = new URL(issuer)
    server ??= oauth
      .discoveryRequest(identifier, insecure)
      .then(async response => await oauth.processDiscoveryResponse(identifier, response))
    server.catch(() => { server = undefined })
    return await server
  }

  return {
    begin: async (loginId, origin) => {
      const state = oauth.generateRandomState()
      const verifier = oauth.generateRandomCodeVerifier()
      const nonce = oauth.generateRandomNonce()
      const redirectUri = `${origin}/login/callback`
      const oldest = pending.size >= maximalPending ? pending.keys().next().value : undefined
      if (oldest !== undefined) pending.delete(oldest)
      pending.set(state, { loginId, verifier, nonce, redirectUri })
      const { authorization_endpoint: endpoint = issuer } = await discover()
      const url = new URL(endpoint)
      url.search = new URLSearchParams({
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        scope,
        state,
        nonce,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256'
      }).toString()
      return url
    },
    complete: async callback => {
      const state = callback.searchParams.get('state') ?? ''
      const login = pending.get(state)
      pending.delete(state)
      if (!login) throw new Refusal(400, 'LOGIN-1', 'Login failed', 'This login is not under way. Start again from the application.')
      const as = await discover()
      const parameters = oauth.validateAuthResponse(as, client, callback, state)
      const response = await oauth.authorizationCodeGrantRequest(
        as,
        client,
        oauth.ClientSecretBasic(clientSecret),
        parameters,
        login.redirectUri,
        login.verifier,
        insecure
      )
      const result = await oauth.processAuthorizationCodeResponse(as, client, response, {
        expectedNonce: login.nonce,
        requireIdToken: true
      })
      const claims = oauth.getValidatedIdTokenClaims(result)
      return { loginId: login.loginId, claims: readClaims(claims ?? {}) }
    }
  }
}

function readClaims (claims: Record<string, unknown>): UserClaims {
  const text = (name: string): string => {
    const value = claims[name]
    if (typeof value !== 'string') throw new Refusal(400, 'LOGIN-2', 'Login failed', `The identity provider sent no claim "${name}".`)
    return value
  }
  const groups = Array.isArray(claims.groups) ? claims.groups.filter(group => typeof group === 'string') : []
  return { sub: text('sub'), name: text('name'), email: text('email'), locale: text('locale'), groups }
}
