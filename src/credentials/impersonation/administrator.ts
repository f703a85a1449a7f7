import * as oauth from 'oauth4webapi'
import type { GatewayConfig } from '../../settings/gateway-schema.js'
import { abortAfter } from '../../time-limit.js'
import type { ClientAuthentication } from '../client-authentication.js'
import type { ClientOptions } from '../client-file.js'
import type { GrantedTokens, TokenEndpoint } from '../token-endpoint.js'
import { TokenFailure } from '../token-failure.js'

export interface AdministratorOptions {
  tenantUrl: URL
  clientId: string
  authentication: ClientAuthentication
  endpoint: TokenEndpoint
  fetch: typeof fetch
  now: () => number
}

/** The options that say how the administration client authenticates. */
export function administrationOf (options: GatewayConfig): ClientOptions {
  return {
    clientSecret: options.adminClientSecret,
    clientSecretFile: options.adminClientSecretFile,
    clientKey: options.adminClientKey,
    clientKeyFile: options.adminClientKeyFile,
    clientKeyId: options.adminClientKeyId
  }
}

/** The tenant's API as the client that administers its users. */
export interface Administrator {
  /** Resolves with the status of the answer, and its body if that is JSON. Raises TokenFailure without a token, and what `fetch` raises. */
  call (method: 'GET' | 'POST' | 'PATCH', path: string, body?: unknown): Promise<AdministratorAnswer>
}

export interface AdministratorAnswer { status: number, body: unknown, retryAfter: string | null }

const scope = 'admin_classic'
const timeoutMs = 10_000

/** Uses a token of the client itself (client credentials, RFC 6749, section 4.4), which is renewed when a tenth of its life is left. */
export function createAdministrator ({ tenantUrl, clientId, authentication, endpoint, fetch, now }: AdministratorOptions): Administrator {
  const server: oauth.AuthorizationServer = { issuer: tenantUrl.origin, token_endpoint: new URL('/oauth/token', tenantUrl).href }
  let current: Promise<GrantedTokens> | undefined
  let dueAt = 0

  /** One grant for all calls at the same time. */
  function token (): Promise<GrantedTokens> {
    if (current !== undefined && now() < dueAt) return current
    const asked = endpoint.grant(async extras => (
      await oauth.clientCredentialsGrantRequest(server, { client_id: clientId }, authentication.inBody, { scope }, extras)
    ))
    current = asked
    dueAt = Infinity
    const take = ({ grantedAt, endsAt }: GrantedTokens) => { if (current === asked) dueAt = endsAt - (endsAt - grantedAt) / 10 }
    asked.then(take, () => { forget(asked) })
    return asked
  }

  /** Lets the next call get a new token, unless another call has done so already. */
  function forget (refused: Promise<GrantedTokens>): void {
    if (current === refused) current = undefined
  }

  async function send (method: string, path: string, body: unknown, { accessToken }: GrantedTokens): Promise<Response> {
    return await fetch(new URL(path, tenantUrl), {
      method,
      headers: {
        authorization: `Bearer ${accessToken}`,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' })
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: 'manual',
      signal: abortAfter(timeoutMs)
    })
  }

  return {
    async call (method, path, body) {
      const asked = token()
      let response = await send(method, path, body, await asked)
      if (response.status === 401) {
        await response.body?.cancel()
        forget(asked)
        response = await send(method, path, body, await token())
      }
      const text = await response.text()
      return { status: response.status, body: parse(text), retryAfter: response.headers.get('retry-after') }
    }
  }
}

function parse (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Raises the failure of a call that the tenant did not carry out. */
export function refuseAnswer (status: number, retryAfterSeconds: number | undefined): never {
  throw new TokenFailure('unavailable', { status, tenantCode: 'PROVISIONING', retryAfterSeconds })
}
