import { EventEmitter } from 'node:events'
import { z } from 'zod'
import { impersonationShape } from './impersonation-options.js'
import { isApiEntry } from '../policy/api.js'
import {
  callbackAddress, frameAncestorList, mountUrl, originUrl, pageOrigin, pathPrefix, proxyUrl, redisUrl
} from './addresses.js'
import { appId, clientKey, fraction, limit, lines, list, seconds, sessionKey, timerSeconds, trueOrFalse, word } from './values.js'
import { redisModes } from '../replicas/redis-servers.js'
import { parseUrl } from '../url.js'
import { createSignals, type Signals } from '../signals.js'

const keysWanted = 'is required: set it to a key of 32 bytes in base64, as `openssl rand -base64 32` prints'

// It becomes part of cookies' names, keys of Redis and labels.
const tenantName = z.string({ error: 'is required: give the tenant a name, by which metrics and logs call it' })
  .regex(/^[\da-z](?:[\da-z-]{0,30}[\da-z])?$/, { error: 'is not a name: use lower-case letters, digits and - between them, 32 at most' })

// An empty list could be read as everything or as nothing.
const atLeastOne = (what: string) => z.array(z.string()).min(1, { error: `names ${what}` })

// One prefix twice would be one route twice.
const prefixes = list(pathPrefix).transform(all => [...new Set(all)])

/** The schema of the gateway's options. The type `GatewayConfig` is derived from it. Its messages mention options in braces. */
export const gatewaySchema = z.object({
  /** What the tenant is called in metrics, logs and the names of cookies; several tenants each have one. */
  name: tenantName.optional(),
  /** Origin of the tenant by its original hostname; an alias breaks OAuth. */
  tenantUrl: originUrl,
  /** Id of the tenant's OAuth client of type Web. */
  clientId: word('the client id of the OAuth client'),
  /** Secret of the OAuth client. */
  clientSecret: word('the secret of the OAuth client, or name a file that holds it by {clientSecretFile}').optional(),
  /** A file that holds it, which is read every two seconds: a changed secret is used for the next call. */
  clientSecretFile: z.string().optional(),
  /** Private key of the OAuth client for `private_key_jwt`, in place of a secret. */
  clientKey: clientKey.optional(),
  /** A file that holds it, which is read every two seconds. */
  clientKeyFile: z.string().optional(),
  /** The id that the key is registered under at the tenant; that of a JWK unless set. */
  clientKeyId: word('the id of the key at the tenant').optional(),
  /** Scopes to ask for: a list, or text separated by white space. */
  scopes: list(word('scope names')).pipe(z.array(z.string()).min(1, { error: 'is empty: name at least one scope' }))
    .default(['user_default', 'offline_access']),
  /** What an `iss` parameter of the callback must equal (RFC 9207); the tenant's origin unless set. */
  issuer: z.string()
    .refine(value => parseUrl(value) !== undefined, { error: 'is not a URL: copy the issuer of the tenant\'s metadata' }).optional(),
  /** What browsers call the gateway; its path is where every route is mounted. */
  publicUrl: mountUrl,
  /** The redirect URI of the OAuth client, where several tenants share one; the tenant's own callback unless set. */
  callbackUrl: callbackAddress.optional(),
  /** Keys of 32 bytes (base64 or buffers). The first seals, all open. */
  sessionKeys: z.preprocess(value => Buffer.isBuffer(value) ? [value] : value, list(sessionKey, keysWanted))
    .pipe(z.array(z.custom<Buffer>()).min(1, { error: keysWanted })),
  /** A file of session keys that is read every two seconds: its keys take the place of `sessionKeys` when it changes. */
  sessionKeysFile: z.string().optional(),
  /** Seconds after which an unused session ends. */
  sessionIdleSeconds: seconds.default(86_400),
  /** Seconds after which a session ends in any case. */
  sessionMaxSeconds: seconds.default(604_800),
  /** A Redis that replicas share refresh results and logouts by, or none. */
  redisUrl: redisUrl.optional(),
  /** What stands there: one Redis, sentinels that know its master, or a cluster. */
  redisMode: z.enum(redisModes, { error: 'is not a mode: use single, sentinel or cluster' }).default('single'),
  /** The name by which sentinels know the master. */
  redisMaster: word('the name by which the sentinels know the master').optional(),
  /** How many ms a command to Redis may take; a second unless set. */
  redisCommandMs: z.number({ error: 'is not a number of milliseconds' }).optional(),
  /** The proxy for addresses of https. */
  httpsProxy: proxyUrl.optional(),
  /** The proxy for addresses of http. */
  httpProxy: proxyUrl.optional(),
  /** Hosts that are reached without a proxy. */
  noProxy: list(z.string()).optional(),
  /** Whether signing out by GET goes on to the tenant's own logout. */
  logoutTenant: trueOrFalse.default(false),
  /** Exact origins whose pages may embed and call the gateway. */
  embedOrigins: list(pageOrigin).default([]),
  /** Who may frame the tenant's documents, as in `frame-ancestors`. */
  frameAncestors: frameAncestorList.optional(),
  /** `same-site` for pages of the gateway's own site, `cross-site` for pages of other sites. */
  cookieMode: z.enum(['same-site', 'cross-site'], { error: 'is not a mode: use same-site or cross-site' }).default('same-site'),
  /** Ids of the apps that may be opened and asked for; all, unless given. */
  allowedApps: list(appId).pipe(atLeastOne('no app: list the ids of those that may be opened, or leave it out for all')).optional(),
  /** Entries `METHOD /pattern` of what may be called below `/api`, and `embed` for what Qlik's clients need; all, unless given. */
  allowedApi: lines(z.string().refine(isApiEntry, {
    error: 'holds something that is no entry: write them as METHOD /api/pattern, separated by commas, ' +
      'or embed for what Qlik\'s clients need'
  })).pipe(atLeastOne('no call: list what may be called, or leave it out for all')).optional(),
  /** Users who may sign in, by id, subject or e-mail address; with neither users nor groups, everybody. */
  allowedUsers: lines(z.string()).pipe(atLeastOne('nobody: list users, or leave it out')).optional(),
  /** Groups whose members may sign in. */
  allowedGroups: lines(z.string()).pipe(atLeastOne('no group: list groups, or leave it out')).optional(),
  /** Whether only requests that read are forwarded: GET, HEAD and OPTIONS. */
  readOnly: trueOrFalse.default(false),
  /** First part of the cookies' names. Gateways that browsers reach by one host name, at any port or path, must differ in it. */
  cookieName: z.string().regex(/^[\dA-Za-z-]{1,40}$/, { error: 'is not a name: use letters, digits and -, 40 at most' }).default('qlik'),
  /** What pages may do over the engine's sockets: anything, or only read and select. */
  engineMode: z.enum(['full', 'view'], { error: 'is not a mode: use full or view' }).default('full'),
  /** Path prefixes forwarded without a session. */
  forwardPublic: prefixes.default(['/qlik-embed', '/resources', '/assets']),
  /** Path prefixes forwarded with a session. */
  forwardPrivate: prefixes.default(['/api', '/single', '/sense']),
  /** Headers that a request may have. Node drops what is beyond 2,000 in silence. */
  maxHeaders: limit(1_000).default(200),
  /** Cookies that a request may carry, those of others on the same host included. */
  maxCookies: limit(1_000).default(150),
  /** WebSockets that may be open at a time. */
  maxSockets: limit(1_000_000).default(10_000),
  /** WebSockets that one session may have open. */
  maxSocketsPerSession: limit(1_000_000).default(100),
  /** Forwarded requests that one session may have under way; never more than half of the connections. */
  maxRequestsPerSession: limit(1_000_000).default(100),
  /** Calls of each route of the login that one address may make in a minute. */
  maxLoginsPerMinute: limit(1_000_000).default(100),
  /** Seconds that the body of a request may be silent. */
  bodyTimeoutSeconds: timerSeconds.default(60),
  /** HTTP connections to the tenant. */
  maxUpstreamConnections: limit(10_000).default(256),
  /** Requests that may wait for one of them. */
  maxUpstreamQueue: limit(1_000_000, 0).default(1_024),
  /** Connections that stand ready while the tenant is used, for HTTP and for WebSockets each. */
  warmConnections: limit(100, 0).default(2),
  /** A folder whose files are served at the gateway's root, or none. */
  publicFolder: z.string().optional(),
  /** The share of requests without an error that are logged, from 0 to 1. */
  logSample: fraction.default(1),
  /** Whether lines of requests, sockets and the audit name the user. */
  logUsers: trueOrFalse.default(false),
  /** Seconds over which open WebSockets are closed when the application closes. */
  drainSeconds: timerSeconds.default(5),
  /** What this gateway tells about itself by, for metrics; one of its own for each gateway. */
  signals: z.custom<Signals>(value => value instanceof EventEmitter, { error: 'are not signals: make them by createSignals()' })
    .default(createSignals),
  ...impersonationShape,
  /** The clock, in ms since the epoch. */
  now: z.custom<() => number>(value => typeof value === 'function', { error: 'is not a function' }).default(() => Date.now)
})

/** The options as the gateway uses them: checked and complete. */
export type GatewayConfig = z.output<typeof gatewaySchema>

/** Options that all tenants of a gateway have in common. */
export const sharedOptions = [
  'redisUrl', 'redisMode', 'redisMaster', 'redisCommandMs', 'forwardPublic', 'forwardPrivate', 'maxHeaders', 'bodyTimeoutSeconds',
  'publicFolder', 'logSample', 'logUsers', 'drainSeconds', 'signals', 'now'
] as const satisfies (keyof GatewayConfig)[]

export type SharedOption = typeof sharedOptions[number]
export type SharedConfig = Pick<GatewayConfig, SharedOption>

/** Options of each tenant that are never inherited. */
export const ownOptions: readonly string[] = ['name', 'publicUrl']

/** Options that only a program can set, not a file. */
export const unwritable: ReadonlySet<string> = new Set(['signals', 'now', 'redisCommandMs', 'identify', 'publicFolder', 'drainSeconds'])

/** The first part of a tenant's cookies: by path, tenants share what a browser keeps for their host. */
export function cookieNameOf ({ cookieName, name, publicUrl }: Pick<GatewayConfig, 'cookieName' | 'name' | 'publicUrl'>): string {
  return name === undefined || publicUrl.pathname === '/' ? cookieName : `${cookieName}-${name}`
}
