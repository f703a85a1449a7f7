import type { ParsedUrlQuery } from 'node:querystring'
import type { Middleware } from 'koa'
import type { Settings } from '../settings.js'
import { Refusal } from '../front/errors.js'
import { noteSecrets } from '../secrets.js'
import { grantTypes, authMethods, type ClientRegistry } from './clients.js'
import { describeErrorCode, refuseParameters } from './token-errors.js'

/**
 * Makes the authorization endpoint check client and redirect URI first, require `state`, keep offline_access, and
 * report errors in the redirect as Qlik does.
 */
export function shapeAuthorization (clients: ClientRegistry, settings: () => Settings): Middleware {
  return async (ctx, next) => {
    if (!ctx.path.startsWith('/oauth/authorize')) {
      await next()
      return
    }
    if (ctx.path === '/oauth/authorize') {
      const refusal = judgeAuthorization(ctx.query, clients)
      if (refusal) {
        ctx.status = refusal.statusCode
        // Qlik's own client reads this response from pages of other origins.
        ctx.set('access-control-allow-origin', '*')
        ctx.body = refusal.toBody()
        return
      }
      keepOfflineAccess(ctx)
    }
    await next()
    const location = ctx.response.get('location')
    if (location && URL.canParse(location)) ctx.set('location', shapeRedirect(new URL(location), settings()))
  }
}

/**
 * Reduces the metadata to those of an OAuth server (RFC 8414), because to its clients a tenant is not an OpenID
 * provider.
 */
export const shapeMetadata: Middleware = async (ctx, next) => {
  await next()
  if (ctx.path !== '/.well-known/oauth-authorization-server' || ctx.status !== 200) return
  const all: Record<string, unknown> = {
    ...ctx.body as object,
    grant_types_supported: grantTypes,
    token_endpoint_auth_methods_supported: authMethods
  }
  const kept = ['issuer', 'authorization_endpoint', 'token_endpoint', 'revocation_endpoint', 'jwks_uri', 'grant_types_supported',
    'response_types_supported', 'code_challenge_methods_supported', 'token_endpoint_auth_methods_supported']
  ctx.body = Object.fromEntries(kept.map(name => [name, all[name]]))
}

/** The errors that a tenant shows itself, because it has no valid address to redirect to. The titles are Qlik's. */
function judgeAuthorization (
  { client_id: clientId, redirect_uri: redirectUri, state }: ParsedUrlQuery,
  clients: ClientRegistry
): Refusal | undefined {
  const client = typeof clientId === 'string' ? clients.get(clientId) : undefined
  if (!client) return new Refusal(400, 'OAUTH-14', 'Invalid client_id', 'There is no such client.')
  if (typeof redirectUri !== 'string' || !client.redirectUris.includes(redirectUri)) {
    return new Refusal(400, 'OAUTH-1', 'Invalid redirect_uri', 'The redirect URI is not registered with the client.')
  }
  return state ? undefined : refuseParameters('missing required parameter "state"')
}

// oidc-provider drops offline_access from the scope unless the request asks for consent.
function keepOfflineAccess (ctx: Parameters<Middleware>[0]): void {
  const { scope, prompt } = ctx.query
  if (typeof scope !== 'string' || !scope.split(' ').includes('offline_access')) return
  if (prompt === undefined) ctx.query = { ...ctx.query, prompt: 'consent' }
  else if (typeof prompt === 'string' && prompt !== 'none') ctx.query = { ...ctx.query, prompt: `${prompt} consent` }
}

function shapeRedirect (location: URL, settings: Settings): string {
  noteSecrets(Object.fromEntries(location.searchParams))
  const error = location.searchParams.get('error')
  if (error) {
    location.searchParams.set('error_code', describeErrorCode(error).code)
    location.searchParams.set('error_detail', location.searchParams.get('error_description') ?? describeErrorCode(error).title)
  }
  if (!settings.issuerOnRedirect) location.searchParams.delete('iss')
  return location.href
}
