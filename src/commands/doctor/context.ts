import type { Config } from '../../settings/config.js'
import type { GatewayConfig } from '../../settings/gateway-schema.js'
import { ownCallback } from '../../settings/tenant-options.js'
import { createTransport, type Transport } from '../../tenants/transport.js'
import { createSignals } from '../../signals.js'
import { createTenantOAuth } from '../../credentials/authorization-code/oauth.js'
import { ClientAuthentication } from '../../credentials/client-authentication.js'
import { credentialOf } from '../../credentials/client-file.js'
import { createAsk, type Answer, type Ask } from './ask.js'

/** What the checks use: the settings, and the network in the same way as the gateway. */
export interface DoctorContext extends Config {
  fetch: typeof fetch
  connectWebSocket: Transport['connectWebSocket']
  ask: Ask
  /** The clock of this machine, in ms since the epoch. */
  now: () => number
  timeoutMs: number
  /** The public URL with a trailing slash. */
  home: string
  /** The redirect URI that must be registered with the OAuth client. */
  redirectUri: string
  /** Reads the tenant's OAuth metadata, which needs no login (RFC 8414). */
  readMetadata: () => Promise<Answer>
  /** Sends the authorization request with which a login begins. */
  readAuthorization: () => Promise<Answer>
  close: () => Promise<void>
}

export interface DoctorContextOptions { now?: () => number, timeoutMs?: number }

export function createDoctorContext (config: Config, { now = Date.now, timeoutMs = 10_000 }: DoctorContextOptions = {}): DoctorContext {
  const { fetch, connectWebSocket, close } = createTransport(config.gateway.tenantUrl, {
    connections: config.gateway.maxUpstreamConnections, signals: createSignals(), proxies: config.gateway
  })
  const { tenantUrl, publicUrl } = config.gateway
  const home = `${publicUrl.href.replace(/\/$/, '')}/`
  const redirectUri = redirectUriOf(config.gateway)
  const ask = createAsk(fetch, { now, timeoutMs })
  const authentication = new ClientAuthentication(credentialOf(config.gateway), new URL('/oauth/token', tenantUrl).href)
  const oauth = createTenantOAuth({ ...config.gateway, authentication, issuer: tenantUrl.origin, redirectUri, fetch, now })

  return {
    ...config,
    fetch,
    connectWebSocket,
    ask,
    now,
    timeoutMs,
    home,
    redirectUri,
    readMetadata: once(async () => await ask(new URL('/.well-known/oauth-authorization-server', tenantUrl))),
    readAuthorization: once(async () => await ask((await oauth.authorize()).url)),
    close
  }
}

/** The redirect URI that must be registered with the OAuth client. */
export function redirectUriOf ({ publicUrl, callbackUrl }: Pick<GatewayConfig, 'publicUrl' | 'callbackUrl'>): string {
  return callbackUrl?.href ?? ownCallback(publicUrl)
}

function once<Value> (read: () => Promise<Value>): () => Promise<Value> {
  let value: Promise<Value> | undefined
  return async () => await (value ??= read())
}
