import { createHash, randomBytes } from 'node:crypto'
import type { Identity } from '../../sandbox/identities.js'
import type { Tenant } from '../../sandbox/tenant.js'
import { createBrowser, login, type Browser } from './browser-jar.js'

/** What a token endpoint answers. */
export interface Tokens {
  access_token: string
  refresh_token?: string
  token_type: string
  scope: string
  expires_in?: number
  expires_at?: string
}

/** Callback of the client in tests that talk to the tenant without a gateway; nothing listens there. */
export const callbackUri = 'http://localhost:3999/login/callback'

/** A browser that stops where the client's callback would be called. */
export function createClientBrowser (): Browser {
  return createBrowser({ stopAt: url => url.href.startsWith(callbackUri) })
}

/** An authorization URL with PKCE, and its verifier. */
export function buildAuthorization (
  tenant: Tenant,
  changes: Record<string, string | undefined> = {},
  origin = tenant.origin
): { url: URL, verifier: string } {
  const verifier = randomBytes(32).toString('base64url')
  const url = new URL('/oauth/authorize', origin)
  const parameters = {
    response_type: 'code',
    client_id: tenant.client.id,
    redirect_uri: callbackUri,
    scope: 'user_default offline_access',
    state: 'state-of-the-test',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...changes
  }
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value)
  return { url, verifier }
}

/** Logs a user in and returns the parameters of the callback, with the verifier for the exchange. */
export async function authorize (
  tenant: Tenant,
  user: Identity,
  changes: Record<string, string | undefined> = {},
  browser = createClientBrowser()
): Promise<{ callback: URL, verifier: string }> {
  const { url, verifier } = buildAuthorization(tenant, changes)
  const end = await login(browser, url, user)
  const location = end.headers.get('location')
  if (!location?.startsWith(callbackUri)) {
    throw new Error(`The login of ${user.email} ended with ${end.status} at ${end.url}: ${await end.text()}`)
  }
  return { callback: new URL(location), verifier }
}

/** Calls the token endpoint with a form; the client's id and secret are added. */
export async function callToken (tenant: Tenant, parameters: Record<string, string>, path = '/oauth/token'): Promise<Response> {
  const body = new URLSearchParams({ client_id: tenant.client.id, client_secret: tenant.client.secret, ...parameters })
  return await fetch(`${tenant.origin}${path}`, { method: 'POST', body })
}

/** Exchanges the code of a callback. */
export async function exchangeCode (tenant: Tenant, { callback, verifier }: { callback: URL, verifier: string }): Promise<Response> {
  return await callToken(tenant, {
    grant_type: 'authorization_code',
    code: callback.searchParams.get('code') ?? '',
    redirect_uri: callbackUri,
    code_verifier: verifier
  })
}

/** Logs a user in and returns their tokens. */
export async function obtainTokens (tenant: Tenant, user: Identity, changes: Record<string, string | undefined> = {}): Promise<Tokens> {
  const response = await exchangeCode(tenant, await authorize(tenant, user, changes))
  if (response.status !== 200) throw new Error(`The token endpoint answered ${response.status}: ${await response.text()}`)
  return await response.json() as Tokens
}

/** Calls the tenant with a bearer token. */
export async function callApi (tenant: Tenant, token: string, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  headers.set('authorization', `Bearer ${token}`)
  return await fetch(new URL(path, tenant.origin), { ...init, headers })
}
