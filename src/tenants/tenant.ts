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

/** One configured tenant, complete: nothing that serves requests asks for "the" tenant. */
export interface Tenant {
  /** What metrics and logs call it; undefined for the only one. */
  readonly name: string | undefined
  /** Its origin, by its original hostname. */
  readonly url: URL
  /** What browsers call the gateway for it. */
  readonly publicUrl: URL
  readonly publicOrigin: string
  /** The path of the public URL, without a slash at its end. */
  readonly basePath: string
  /** Where the gateway's own pages for it begin: an absolute address with a slash at the end. */
  readonly home: string
  readonly options: GatewayConfig
  readonly embedOrigins: ReadonlySet<string>
  /** Who may frame its documents, as in `frame-ancestors`. */
  readonly frameAncestors: string
  /** The only way to open connections to it. */
  readonly transport: Transport
  /** Its documents that the gateway reads for itself. */
  readonly api: TenantApi
  readonly links: Links
  readonly oauth: TenantOAuth
  readonly credentials: Credentials
  /** Where the host application says who its users are; undefined where they sign in at the tenant. */
  readonly impersonation: Impersonation | undefined
  readonly sessions: TenantSessions
  /** Things of one kind that may be taken once, remembered for `keepMs`. */
  readonly once: (kind: string, keepMs: number) => TakeOnce
  /** What is told of it reaches the gateway's listeners with its name. */
  readonly signals: Signals
  /** What is known of its sessions. It is closed by whoever decides that they are over. */
  readonly memory: TenantMemory
  /** Does nothing more by itself, and lets what is under way go on. */
  retire (): void
  /** Ends all of it. */
  close (): Promise<void>
}

/** What is known of the sessions of one tenant. */
export interface TenantSessions extends SessionSettings {
  readonly csrfKeys: readonly Buffer[]
  readonly used: UsedSessions
  readonly noted: NotedSessions
}

/** What the tenant of a request is called; undefined for the only one, and for a request that is for none. */
export function nameOf (request: FastifyRequest): string | undefined {
  return (request.tenant as Tenant | undefined)?.name
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Whom the request is for, decided in admission. */
    tenant: Tenant
  }
}
