import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorCode } from './errors.js'

/**
 * What the tenant was asked for: forwarded HTTP, an upgrade, a token (a refresh or a code), a revocation, or a document that the gateway
 * itself needs.
 */
export type TenantCall = 'http' | 'upgrade' | 'token' | 'revoke' | 'document'

/** Stands for the tenant's status where the client left before there was an answer, as nginx logs it. Nobody failed. */
export const clientLeft = 499

/** A call that is about to be sent to the tenant. */
export interface TenantAsking {
  call: TenantCall
  /** The headers of a forwarded request or upgrade. A listener may add to them. */
  headers?: Record<string, unknown>
}

/**
 * How a request for new tokens ended. `granted`: by a grant of its own. `joined`: by one that was under way.
 * `remembered`: by an earlier one, or that of another replica. `refused`: the tenant ended the login. `failed`: the
 * attempt failed. `waiting`: after a failure, the next was not due.
 */
export const refreshOutcomes = ['granted', 'joined', 'remembered', 'refused', 'failed', 'waiting'] as const
export type RefreshOutcome = typeof refreshOutcomes[number]

/** How far a login came. One that fails is signalled as `refused`, on its route. */
export const loginSteps = ['started', 'completed'] as const

/** How an attempt to revoke a refresh token ended. */
export const revocationOutcomes = ['revoked', 'postponed', 'given-up'] as const

/** The rules of a policy, by the names of their settings. */
export const policyRules = ['ALLOWED_APPS', 'ALLOWED_API', 'READ_ONLY', 'ENGINE_MODE', 'ALLOWED_USERS'] as const
export type PolicyRule = typeof policyRules[number]

/** What a policy refused. */
export interface Denial {
  rule: PolicyRule
  /** The log of its request, with its trace id. */
  log: FastifyBaseLogger
  /** Undefined without a session. */
  sessionId: string | undefined
  /** Who is signed in, where it is known. */
  subject: string | undefined
  /** The method of the request, or of the JSON-RPC message to the engine; `unreadable` for a message that is no request. */
  method: string
  /** The path below the base path, without its query. */
  path: string
}

/** What a warm connection is kept for. */
export const warmUses = ['http', 'websocket'] as const

/** Whether the shared cache had the answer. */
export const assetOutcomes = ['hit', 'miss'] as const

/** How TLS began on a connection: by a full handshake, by a resumed session, or not at all. */
export const handshakeKinds = ['full', 'resumed', 'none'] as const
export type HandshakeKind = typeof handshakeKinds[number]

/** Why a session ended without a logout. */
export type EndReason = 'idle' | 'lifetime' | 'tokens-refused' | 'user-refused' | 'not-allowed' | 'another-user' | 'nobody-named' |
  'tenant-gone'

/** What happened to a session, for an audit. */
export interface SessionEvent {
  event: 'sign-in' | 'sign-out' | 'session-ended'
  /** Why it ended; only with `session-ended`. */
  reason?: EndReason
  sessionId: string
  /** Who is signed in, where it is known. */
  subject: string | undefined
  /** The log of the request that caused the event, or first noticed it. */
  log: FastifyBaseLogger
  /** The address of the client, for what a client caused. */
  client?: string | undefined
}

/**
 * Who or what a refusal of the token endpoint is about: the token or its user, the OAuth client, or nothing of the
 * kind, because a proxy before the endpoint answered.
 */
export const refusalSources = ['token', 'client', 'intermediary'] as const
export type RefusalSource = typeof refusalSources[number]

/**
 * A WebSocket that has closed: who closed it, with which code (RFC 6455, section 7.4: 1005 for none, 1006 for no close
 * frame), and what passed.
 */
export interface SocketLife {
  sessionId: string
  /** Who is signed in, where it is known. */
  subject: string | undefined
  /** The trace id of its upgrade, as in `socketOpened`. */
  traceId: string
  /** The log of its upgrade, with its trace id. */
  log: FastifyBaseLogger
  by: 'client' | 'tenant' | 'gateway'
  code: number
  milliseconds: number
  /** How long the tenant took to accept the upgrade. */
  tenantMilliseconds: number
  bytesFromClient: number
  bytesToClient: number
}

/**
 * The events of a gateway, by name, with the arguments that their listeners get. Words come from the fixed sets above
 * and never from a client or the tenant, since metrics use them as labels. `tenant` is the configured name of the
 * tenant that the event is about, where there are several. Listeners are called synchronously. What they throw is
 * caught, logged and counted.
 */
export interface SignalMap {
  /**
   * A request has arrived, and nothing has been done with it. A listener may enter an AsyncLocalStorage: it holds for
   * the whole request.
   */
  received: [request: FastifyRequest, reply: FastifyReply]
  /** A request has been answered, or `aborted` by its client. */
  answered: [request: FastifyRequest, reply: FastifyReply, aborted: boolean]
  /** The gateway answered with an error of its own. `route` is the route family, `none` without a route. */
  refused: [code: ErrorCode, route: string, tenant?: string]
  /** A policy refused something. The tenant does not see it. */
  denied: [denial: Denial, tenant?: string]
  /** The tenant is about to be asked. */
  tenantAsked: [asking: TenantAsking, tenant?: string]
  /** The tenant answered with this status; 0 if it did not answer, `clientLeft` if the client did not wait for it. */
  tenantAnswered: [asking: TenantAsking, status: number, milliseconds: number, tenant?: string]
  /** A connection to the tenant was opened. */
  connected: [handshake: HandshakeKind, tenant?: string]
  /** There is one warm connection more (1) or less (-1). */
  warmed: [use: typeof warmUses[number], by: 1 | -1, tenant?: string]
  /** A request was answered from the shared cache (`hit`), or the tenant was asked (`miss`). */
  assetAsked: [outcome: typeof assetOutcomes[number], tenant?: string]
  /** A request needed newer tokens than those of its cookie. */
  refreshed: [outcome: RefreshOutcome, tenant?: string]
  /** The token endpoint, or a proxy before it, refused a call. */
  tokenRefused: [by: RefusalSource, failure: Error, tenant?: string]
  /** A login began or was completed. One that fails is signalled as `refused`, on its route. */
  login: [step: typeof loginSteps[number], tenant?: string]
  /** A session began or ended. */
  session: [event: SessionEvent, tenant?: string]
  /** A user was created at the tenant, or their groups were assigned. */
  provisioned: [subject: string, log: FastifyBaseLogger, tenant?: string]
  /** So many lines of the log were dropped, because standard output did not take them. */
  logDropped: [lines: number]
  /** A refresh token was revoked, will be tried again, or was given up. */
  revoked: [outcome: typeof revocationOutcomes[number], tenant?: string]
  /** A cookie is set. `bytes` counts the names and values of all its parts. */
  cookieSet: [name: 'session' | 'login', bytes: number, tenant?: string]
  /** The upgrade of this trace id has become a WebSocket. */
  socketOpened: [traceId: string, tenant?: string]
  socketClosed: [life: SocketLife, tenant?: string]
  /** Redis can be reached, or not any more. */
  redisChanged: [state: 'here' | 'away']
  /** A command or a connection of Redis failed. */
  redisFailed: []
  /** One of several tenants is served from now on. */
  tenantServed: [tenant: string]
  /** So many session keys were loaded. */
  keysLoaded: [count: number, tenant?: string]
  /** Files of keys, secrets, certificates and settings are to be read again at once (SIGHUP). */
  reload: []
  /** The gateway is shutting down: `/readyz` answers 503 from now on. */
  draining: []
  /** A listener of another signal threw this, or its promise rejected with it. */
  listenerFailed: [signal: string, error: unknown]
  /** Nothing caught an exception. The process drains and exits. */
  crashed: []
}
