import type * as oauth from 'oauth4webapi'
import type { ClientAuthentication } from '../client-authentication.js'
import type { GrantedTokens, TokenEndpoint } from '../token-endpoint.js'

/** Qlik's own grant type: an access token for a user who does not sign in. */
export const impersonationGrant = 'urn:qlik:oauth:user-impersonation'

export interface UserGrantOptions {
  tenantUrl: URL
  clientId: string
  authentication: ClientAuthentication
  endpoint: TokenEndpoint
  scopes: readonly string[]
  /** What names the user. */
  lookup: 'subject' | 'userId'
}

/** Asks for an access token of a user. Raises TokenFailure. */
export type GrantForUser = (user: string) => Promise<GrantedTokens>

/** The impersonation grant of one client. It needs JSON, since a parameter is an object, and oauth4webapi only sends forms. */
export function createGrantForUser ({ tenantUrl, clientId, authentication, endpoint, scopes, lookup }: UserGrantOptions): GrantForUser {
  const url = new URL('/oauth/token', tenantUrl)
  const server: oauth.AuthorizationServer = { issuer: tenantUrl.origin, token_endpoint: url.href }
  return async user => await endpoint.grant(async (_options, send) => {
    const credential = new URLSearchParams()
    const headers = new Headers({ 'content-type': 'application/json', accept: 'application/json' })
    await authentication.inBody(server, { client_id: clientId }, credential, headers)
    const body = {
      ...Object.fromEntries(credential),
      grant_type: impersonationGrant,
      user_lookup: { field: lookup, value: user },
      scope: scopes.join(' ')
    }
    return await send(url, { method: 'POST', headers, body: JSON.stringify(body), redirect: 'manual' })
  }, 'user')
}
