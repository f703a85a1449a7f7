import type { FastifyBaseLogger } from 'fastify'
import { ClientAuthentication } from '../credentials/client-authentication.js'
import { credentialOf, followClientFile } from '../credentials/client-file.js'
import { CodeCredentials } from '../credentials/authorization-code/credentials.js'
import { createImpersonation } from '../credentials/impersonation/impersonation.js'
import { createTenantOAuth, type TenantOAuth } from '../credentials/authorization-code/oauth.js'
import { Refresher } from '../credentials/authorization-code/refresh.js'
import { createRevocation } from '../credentials/authorization-code/revocation.js'
import type { GatewayConfig } from '../options.js'
import { redisServersOf } from '../replicas/redis-servers.js'
import { createStores, type Stores } from '../replicas/stores.js'
import { createCookieJar } from '../session/cookies.js'
import { createEndedSessions } from '../session/ended.js'
import { createKeys, followKeysFile } from '../session/keys.js'
import { proofMs } from '../session/proof.js'
import { createRenewedSessions, type RenewedSessions } from '../session/renewed.js'
import { ticketMs } from '../session/ticket.js'
import { createUsedSessions } from '../session/used.js'
import { createTenantApi } from './api.js'
import { createLinks } from './links.js'
import type { Tenant } from './tenant.js'
import { createTransport } from './transport.js'

/** Makes all that one tenant needs, from its options. Nothing is asked of the tenant. */
export async function createTenant (options: GatewayConfig, log: FastifyBaseLogger): Promise<Tenant> {
  const { tenantUrl, publicUrl, signals, now } = options
  const home = `${publicUrl.origin}${publicUrl.pathname.replace(/\/$/, '')}/`
  const limits = { idleMs: options.sessionIdleSeconds * 1000, maxMs: options.sessionMaxSeconds * 1000 }

  const transport = createTransport(tenantUrl, {
    connections: options.maxUpstreamConnections,
    signals,
    proxies: options,
    // A tenant of http is on this machine, where a connection takes no time.
    warmConnections: tenantUrl.protocol === 'https:' ? options.warmConnections : 0
  })
  const links = createLinks(tenantUrl, publicUrl)
  const keys = await createKeys(options.sessionKeys, scopeOf(options), signals)
  const stopFollowing = options.sessionKeysFile === undefined ? () => {} : followKeysFile({ file: options.sessionKeysFile, keys, log, signals })
  const renewed = createRenewedSessions(limits.maxMs)
  const used = createUsedSessions(limits.idleMs, now)
  const stores = await createStores({
    redis: redisServersOf(options), seal: keys.seal, ended: createEndedSessions(limits.maxMs), used, limits, now, log, signals
  })
  const { ended } = stores
  const authentication = new ClientAuthentication(credentialOf(options), new URL('/oauth/token', tenantUrl).href)
  const stopFollowingClient = followClientFile(options, authentication, log, signals)
  const embedOrigins = new Set(options.embedOrigins)
  const oauth = createTenantOAuth({
    ...options, authentication, issuer: options.issuer ?? tenantUrl.origin, redirectUri: `${home}login/callback`, fetch: transport.fetch
  })
  const { credentials, impersonation } = options.credentials === 'impersonation'
    ? createImpersonation({
      options, authentication, oauth, users: stores.users(scopeOf(options)), ended, limits, once: stores.once, fetch: transport.fetch, log
    })
    : { credentials: createCodeCredentials(oauth, stores, renewed, options, log), impersonation: undefined }

  return {
    url: tenantUrl,
    publicUrl,
    publicOrigin: publicUrl.origin,
    home,
    options,
    embedOrigins,
    frameAncestors: (options.frameAncestors ?? [...new Set([publicUrl.origin, ...options.embedOrigins])]).join(' '),
    transport,
    api: createTenantApi(tenantUrl, transport.fetch, links, now),
    links,
    oauth,
    credentials,
    impersonation,
    sessions: {
      seal: keys.seal,
      csrfKeys: keys.csrfKeys,
      jar: createCookieJar({
        secure: publicUrl.protocol === 'https:',
        crossSite: options.cookieMode === 'cross-site',
        name: options.cookieName,
        mostCookies: options.maxCookies
      }),
      ended,
      used,
      limits,
      now,
      newest: grant => credentials.newest(grant),
      follow: async grant => { await credentials.follow(grant) },
      lastUse: used.lastUse,
      renewed,
      signals,
      holders: options.cookieMode === 'cross-site'
        ? { origins: embedOrigins, takeProof: stores.once('proof', proofMs), takeTicket: stores.once('ticket', ticketMs) }
        : undefined
    },
    once: stores.once,
    async close () {
      stopFollowing()
      stopFollowingClient()
      credentials.close()
      stores.close()
      await transport.close()
    }
  }
}

function createCodeCredentials (
  oauth: TenantOAuth, { grants, ended }: Stores, renewed: RenewedSessions, { now, signals }: GatewayConfig, log: FastifyBaseLogger
): CodeCredentials {
  const refresher = new Refresher({ refresh: oauth.refresh, now, signals, grants, discard: grant => { revocation.revoke(grant, log) } })
  const revocation = createRevocation({ tenant: oauth, refresher, signals })
  return new CodeCredentials({ refresher, revocation, ended, renewed, now, signals })
}

/**
 * What the keys of a tenant's sessions are derived for: tokens belong to a client of a tenant, whatever the gateway calls it, and sessions to
 * one source of credentials.
 */
export function scopeOf ({ tenantUrl, clientId, credentials = 'authorization-code' }: Pick<GatewayConfig, 'tenantUrl' | 'clientId'> & Partial<Pick<GatewayConfig, 'credentials'>>): string {
  return `${tenantUrl.origin} ${clientId}${credentials === 'impersonation' ? ' impersonation' : ''}`
}
