import type { FastifyRequest } from 'fastify'
import type { Credentials } from '../credentials/credentials.js'
import type { Impersonation } from '../credentials/impersonation/impersonation.js'
import type { TenantOAuth } from '../credentials/authorization-code/oauth.js'
import type { GatewayConfig } from '../settings/gateway-schema.js'
import type { NotedSessions } from '../replicas/noted-sessions.js'
import type { TakeOnce } from '../replicas/once.js'
import type { SessionSettings } from '../session/session-settings.js'
import type { UsedSessions } from '../session/used.js'
import type { Signals } from '../signals.js'
import type { TenantApi } from './api.js'
import type { Links } from './links.js'
import type { TenantMemory } from './memory.js'
import type { Transport } from './transport.js'

/**
 * One configured tenant with everything that serves its requests: below the registry, no code assumes that there is
 * only one.
 */
export interface Tenant {
  /** The name in metrics and logs. Undefined if there is only one tenant. */
  readonly name: string | undefined
  /** The tenant's origin, with its original host name. */
  readonly url: URL
  /** The address at which browsers reach the gateway for this tenant. */
  readonly publicUrl: URL
  readonly publicOrigin: string
  /** The path of the public URL, without a trailing slash. */
  readonly basePath: string
  /** Where the gateway's own pages for this tenant begin: an absolute URL with a trailing slash. */
  readonly home: string
  readonly options: GatewayConfig
  readonly embedOrigins: ReadonlySet<string>
  /** Who may frame the tenant's documents, in the syntax of `frame-ancestors`. */
  readonly frameAncestors: string
  /** The only way to open connections to the tenant. */
  readonly transport: Transport
  /** Documents of the tenant that the gateway reads for itself. */
  readonly api: TenantApi
  readonly links: Links
  readonly oauth: TenantOAuth
  readonly credentials: Credentials
  /** Set if the host application says who its users are. Undefined if users sign in at the tenant. */
  readonly impersonation: Impersonation | undefined
  readonly sessions: TenantSessions
  /** Values of one kind that can be used only once, remembered for `keepMs`. */
  readonly once: (kind: string, keepMs: number) => TakeOnce
  /** Signals of this tenant, which reach the gateway's listeners together with its name. */
  readonly signals: Signals
  /** What is remembered about its sessions. Whoever ends those sessions closes it. */
  readonly memory: TenantMemory
  /** Stops background work, and lets requests under way continue. */
  retire (): void
  /** Ends everything, requests under way included. */
  close (): Promise<void>
}

/** What is known about the sessions of one tenant. */
export interface TenantSessions extends SessionSettings {
  readonly csrfKeys: () => readonly Buffer[]
  readonly used: UsedSessions
  readonly noted: NotedSessions
}

/** The tenant's name for a request. Undefined if there is only one tenant, or if the request is for none. */
export function nameOf (request: FastifyRequest): string | undefined {
  return (request.tenant as Tenant | undefined)?.name
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The tenant that the request is for. Set in admission. */
    tenant: Tenant
  }
}
