import type { FastifyBaseLogger } from 'fastify'
import { ClientAuthentication } from '../credentials/client-authentication.js'
import { credentialOf, followClientFile } from '../credentials/client-file.js'
import { createTenantOAuth } from '../credentials/authorization-code/oauth.js'
import { createImpersonation } from '../credentials/impersonation/impersonation.js'
import { cookieNameOf, type GatewayConfig } from '../settings/gateway-schema.js'
import type { Redis } from '../replicas/redis.js'
import { createCookieJar } from '../session/cookies.js'
import { followKeysFile } from '../session/keys.js'
import { proofMs } from '../session/proof.js'
import { ticketMs } from '../session/ticket.js'
import { tenantSignals, type Signals } from '../signals.js'
import { ownCallback } from '../settings/tenant-options.js'
import { createTenantApi } from './api.js'
import { createLinks } from './links.js'
import { createMemory, type TenantMemory } from './memory.js'
import type { Tenant } from './tenant.js'
import { createTransport } from './transport.js'

export interface TenantContext {
  log: FastifyBaseLogger
  /** The Redis connection that all tenants of the gateway share. */
  redis: Redis | undefined
  /** The same tenant before its settings changed. Its sessions continue if the OAuth client is the same. */
  previous?: Tenant | undefined
}

/** Makes everything that one tenant needs from its options. Sends nothing to the tenant. */
export function createTenant (options: GatewayConfig, { log, redis, previous }: TenantContext): Tenant {
  const { tenantUrl, publicUrl, now } = options
  const signals = tenantSignals(options.signals, options.name)
  const basePath = publicUrl.pathname.replace(/\/$/, '')
  const home = `${publicUrl.origin}${basePath}/`
  const memory = rememberSessions(options, { log, redis, previous }, signals)
  const { ended, renewed, noted, used, keys, limits } = memory

  const transport = createTransport(tenantUrl, {
    connections: options.maxUpstreamConnections,
    signals,
    proxies: options,
    // A tenant with an http: URL is on this machine (the settings allow no other), where connecting takes no time.
    warmConnections: tenantUrl.protocol === 'https:' ? options.warmConnections : 0
  })
  const links = createLinks(tenantUrl, publicUrl)
  const { sessionKeysFile: file } = options
  const stopFollowing = file === undefined ? () => {} : followKeysFile({ file, keys, log, signals })
  const authentication = new ClientAuthentication(credentialOf(options), new URL('/oauth/token', tenantUrl).href)
  const stopFollowingClient = followClientFile(options, authentication, log, signals)
  const embedOrigins = new Set(options.embedOrigins)
  const oauth = createTenantOAuth({
    ...options,
    authentication,
    issuer: options.issuer ?? tenantUrl.origin,
    redirectUri: options.callbackUrl?.href ?? ownCallback(publicUrl),
    fetch: transport.fetch
  })
  const impersonating = options.credentials === 'impersonation'
    ? createImpersonation({
      options, authentication, oauth, useUsers: memory.useUsers, ended, limits, once: memory.once, fetch: transport.fetch, log
    })
    : undefined
  const credentials = impersonating?.credentials ?? memory.useOAuth(oauth)
  const retire = () => {
    stopFollowing()
    stopFollowingClient()
    impersonating?.credentials.close()
    transport.retire()
  }

  return {
    name: options.name,
    url: tenantUrl,
    publicUrl,
    publicOrigin: publicUrl.origin,
    basePath,
    home,
    options,
    embedOrigins,
    frameAncestors: (options.frameAncestors ?? [...new Set([publicUrl.origin, ...options.embedOrigins])]).join(' '),
    transport,
    api: createTenantApi(tenantUrl, transport.fetch, links),
    links,
    oauth,
    credentials,
    impersonation: impersonating?.impersonation,
    memory,
    sessions: {
      seal: keys.seal,
      csrfKeys: keys.csrfKeys,
      jar: createCookieJar({
        secure: publicUrl.protocol === 'https:',
        crossSite: options.cookieMode === 'cross-site',
        name: cookieNameOf(options),
        mostCookies: options.maxCookies
      }),
      ended,
      used,
      noted,
      limits,
      now,
      newest: grant => credentials.newest(grant),
      follow: async grant => { await credentials.follow(grant) },
      lastUse: used.lastUse,
      renewed,
      signals,
      holders: options.cookieMode === 'cross-site'
        ? { origins: embedOrigins, takeProof: memory.once('proof', proofMs), takeTicket: memory.once('ticket', ticketMs) }
        : undefined
    },
    once: memory.once,
    signals,
    retire,
    async close () {
      retire()
      await transport.close()
    }
  }
}

/** Reuses the memory of the tenant before its settings changed, unless its sessions belong to another OAuth client. */
function rememberSessions (options: GatewayConfig, { log, redis, previous }: TenantContext, signals: Signals): TenantMemory {
  const scope = scopeOf(options)
  if (previous?.memory.scope !== scope) return createMemory({ scope, options, redis, log, signals })
  previous.memory.keys.replace(options.sessionKeys)
  return previous.memory
}

type Scope = Pick<GatewayConfig, 'tenantUrl' | 'clientId'> & Partial<Pick<GatewayConfig, 'credentials' | 'identityLookup' | 'name'>>

/**
 * Names what the keys of a tenant's sessions are derived for. Tokens belong to one client of one tenant, and sessions
 * to one kind of credentials and, with several tenants, to one of them. With impersonation the lookup counts too: a
 * `subject` read as a `userId` would name nobody, or another user.
 */
export function scopeOf ({ tenantUrl, clientId, credentials, identityLookup, name }: Scope): string {
  const source = credentials !== 'impersonation' ? '' : identityLookup === 'userId' ? ' impersonation by id' : ' impersonation'
  return `${tenantUrl.origin} ${clientId}${source}${name === undefined ? '' : ` as ${name}`}`
}
