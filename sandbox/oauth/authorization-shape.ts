import type { Middleware } from 'koa'
import type { Settings } from '../controls.js'
import { Refusal } from '../front/errors.js'
import { noteSecrets } from '../secrets.js'
import { describeErrorCode } from './token-errors.js'

/** Has the authorization endpoint ask for `state`, keep offline_access, and report errors on the redirect as Qlik does. */
export function shapeAuthorization (settings: () => Settings): Middleware {
  return async (ctx, next) => {
    if (!ctx.path.startsWith('/oauth/authorize')) {
      await next()
      return
    }
    if (ctx.path === '/oauth/authorize') {
      if (!ctx.query.state) {
        const refusal = new Refusal(400, 'OAUTH-1', 'Bad request', 'missing required parameter "state"')
        ctx.status = refusal.statusCode
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

/** Cuts the metadata down to an OAuth server's (RFC 8414): a tenant is no OpenID provider for its clients. */
export const shapeMetadata: Middleware = async (ctx, next) => {
  await next()
  if (ctx.path !== '/.well-known/oauth-authorization-server' || ctx.status !== 200) return
  const all = ctx.body as Record<string, unknown>
  const kept = ['issuer', 'authorization_endpoint', 'token_endpoint', 'revocation_endpoint', 'jwks_uri', 'grant_types_supported',
    'response_types_supported', 'code_challenge_methods_supported', 'token_endpoint_auth_methods_supported']
  ctx.body = Object.fromEntries(kept.map(name => [name, all[name]]))
}

// oidc-provider drops offline_access from the scope unless consent is asked for.
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
