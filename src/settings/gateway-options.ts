import type { ClientKey } from '../credentials/client-key.js'
import type { ImpersonationOptions } from './impersonation-options.js'
import type { GatewayConfig } from './gateway-schema.js'
import type { Signals } from '../signals.js'

/** What a host application passes to the plugin. An option that is missing, wrong, unsafe or unknown is refused with a ConfigError. */
export interface GatewayOptions extends ImpersonationOptions {
  /** What the tenant is called in metrics and logs: lower-case letters, digits and `-`. Several tenants each need one. */
  name?: string | undefined
  /** Origin of the tenant by its original hostname, `https://your-tenant.eu.qlikcloud.com`; an alias breaks OAuth. */
  tenantUrl: string | URL
  /** Id of the tenant's OAuth client of type Web. */
  clientId: string
  /** Secret of the OAuth client. It or a key is required. */
  clientSecret?: string | undefined
  /** A file that holds the secret. It is read every two seconds; a changed secret replaces `clientSecret` for the next call. */
  clientSecretFile?: string | undefined
  /** Private key of the OAuth client for `private_key_jwt` (RFC 7523), in PEM or as a JWK: RSA of 2,048 bits or more, or P-384. */
  clientKey?: string | ClientKey | undefined
  /** A file that holds the key. It is read every two seconds; a changed key replaces `clientKey` for the next call. */
  clientKeyFile?: string | undefined
  /** The id that the key is registered under at the tenant; the `kid` of a JWK unless set. */
  clientKeyId?: string | undefined
  /** Scopes to ask for; `['user_default', 'offline_access']` unless set. Without `offline_access` a session ends with its access token. */
  scopes?: readonly string[]
  /** What an `iss` parameter of the callback must equal (RFC 9207); the tenant's origin unless set. */
  issuer?: string | undefined
  /** What browsers call the gateway, `https://app.example.com/qlik`. Every route is mounted below its path. */
  publicUrl: string | URL
  /**
   * A callback that several tenants share, `https://login.example.com/login/callback`: the redirect URI of an OAuth
   * client that is published to all of them. The tenant's own callback unless set.
   */
  callbackUrl?: string | URL | undefined
  /** Keys of 32 bytes, as buffers or in base64. The first seals cookies, all open them. */
  sessionKeys: ReadonlyArray<string | Buffer> | string | Buffer
  /**
   * A file with these keys, separated by commas or white space. It is read every two seconds; when it changes, its keys
   * replace `sessionKeys`.
   */
  sessionKeysFile?: string | undefined
  /** Seconds after which an unused session ends; 86,400 unless set. */
  sessionIdleSeconds?: number
  /** Seconds after which a session ends in any case; 604,800 unless set. */
  sessionMaxSeconds?: number
  /** A Redis by which replicas share refresh results and logouts, `rediss://user:password@host:6379`; none unless set. */
  redisUrl?: string | undefined
  /** What `redisUrl` names: one Redis (`single`, the default), sentinels that know its master, or some nodes of a cluster. */
  redisMode?: 'single' | 'sentinel' | 'cluster'
  /** The name by which sentinels know the master; required with `sentinel`. */
  redisMaster?: string | undefined
  /** The outbound proxy for a tenant of https, `http://user:password@proxy:3128`; sockets pass it too (CONNECT). None unless set. */
  httpsProxy?: string | URL | undefined
  /** The same for addresses of http. */
  httpProxy?: string | URL | undefined
  /** Hosts that are reached without a proxy, as in the variable `NO_PROXY`; those of this machine always are. */
  noProxy?: readonly string[] | undefined
  /** Whether `GET /logout` leads on to the tenant's own logout; false unless set. */
  logoutTenant?: boolean
  /** Exact origins whose pages may embed and call the gateway, `['https://portal.example.com']`; none unless set. */
  embedOrigins?: readonly string[]
  /**
   * Who may frame `/single/*` and `/sense/*`, as in the CSP directive, `['https://*.sharepoint.com']`; `publicUrl` and
   * `embedOrigins` unless set. This allows framing and nothing else.
   */
  frameAncestors?: readonly string[] | undefined
  /** `same-site` (the default) for pages of the gateway's own site, `cross-site` for pages of other sites. */
  cookieMode?: 'same-site' | 'cross-site'
  /**
   * First part of the names of cookies, `qlik` unless set: letters, digits and `-`. Gateways under the same host name,
   * on whatever port, must have different ones.
   */
  cookieName?: string
  /** Ids of the apps that may be opened and asked for; all, unless given. */
  allowedApps?: readonly string[] | undefined
  /** What may be called below `/api`, as `GET /api/v1/items/:id`, and `embed` for what Qlik's clients need; all, unless given. */
  allowedApi?: readonly string[] | undefined
  /** Users who may sign in, by id, subject or e-mail address; everybody, with neither users nor groups. */
  allowedUsers?: readonly string[] | undefined
  /** Groups whose members may sign in. */
  allowedGroups?: readonly string[] | undefined
  /** Whether only requests that read are forwarded: GET, HEAD and OPTIONS; `false` unless set. */
  readOnly?: boolean
  /** `full` (the default) for all that the engine allows a user, `view` for reading and selecting only. `readOnly` includes `view`. */
  engineMode?: 'full' | 'view'
  /** Path prefixes forwarded without a session; `['/qlik-embed', '/resources', '/assets']` unless set. */
  forwardPublic?: readonly string[]
  /** Path prefixes forwarded with a session; `['/api', '/single', '/sense']` unless set. */
  forwardPrivate?: readonly string[]
  /** Headers that a request may have; 200 unless set, 1,000 at most. */
  maxHeaders?: number
  /** Cookies that a request may carry, those of other applications on the host included; 150 unless set. */
  maxCookies?: number
  /** WebSockets that may be open at a time; 10,000 unless set. */
  maxSockets?: number
  /** WebSockets that one session may have open; 100 unless set. */
  maxSocketsPerSession?: number
  /** Forwarded requests that one session may have under way; 100 unless set, and never more than half of the connections. */
  maxRequestsPerSession?: number
  /** Calls of each login route that one client address may make in a minute; 100 unless set. */
  maxLoginsPerMinute?: number
  /** Seconds that the body of a request may be silent; 60 unless set. */
  bodyTimeoutSeconds?: number
  /** HTTP connections to the tenant; 256 unless set. */
  maxUpstreamConnections?: number
  /** Requests that may wait for one of these connections; 1,024 unless set. */
  maxUpstreamQueue?: number
  /**
   * Warm connections to a tenant of https, for HTTP and for WebSockets each. They are kept open while the tenant has
   * been used within the last five minutes. 2 unless set, 0 for none, 100 at most.
   */
  warmConnections?: number
  /** A folder whose files are served at the gateway's root; none unless set. */
  publicFolder?: string | undefined
  /** The share of requests without an error that are logged, from 0 to 1; 1 unless set. */
  logSample?: number
  /** Whether log lines of requests, sockets and the audit name the user, by the `subject` of the session; false unless set. */
  logUsers?: boolean
  /**
   * Seconds over which open WebSockets are closed when the application closes, so that their clients do not connect
   * again all at once; 5 unless set.
   */
  drainSeconds?: number
  /** The emitter of this gateway's events, made by `createSignals()`. Each gateway needs its own; it makes one unless set. */
  signals?: Signals
}

/** Compiles while every option of the schema has a member above; `now` and `redisCommandMs` are for tests alone. */
export type Undocumented = DemandNone<Exclude<keyof GatewayConfig, keyof GatewayOptions | 'now' | 'redisCommandMs'>>
type DemandNone<Name extends never> = Name
