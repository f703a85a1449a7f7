import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorCode } from './errors.js'

/** What the tenant was asked for: forwarded HTTP, an upgrade, a refresh or code (`token`), a revocation, or a document for the gateway itself. */
export type TenantCall = 'http' | 'upgrade' | 'token' | 'revoke' | 'document'

/** In the place of the tenant's status, and in the log: the client left before there was an answer. That is nobody's failure. */
export const clientLeft = 499

/** A call of the tenant that is about to be made. */
export interface TenantAsking {
  call: TenantCall
  /** What is sent, of forwarded requests and upgrades: a listener may add to it. */
  headers?: Record<string, unknown>
}

/**
 * How somebody who needed other tokens was served: by a grant of their own, one under way (`joined`), or one of before or of another replica
 * (`remembered`); not, because the login has ended (`refused`) or the attempt failed; `waiting`: no attempt was due yet.
 */
export const refreshOutcomes = ['granted', 'joined', 'remembered', 'refused', 'failed', 'waiting'] as const
export type RefreshOutcome = typeof refreshOutcomes[number]

/** How far a login came: one that failed is `refused` on its route. */
export const loginSteps = ['started', 'completed'] as const

/** What became of an attempt to give a refresh token back. */
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
  /** The method of the request, or of a message to the engine; `unreadable` for a message that is no request. */
  method: string
  /** The path below the base path, without its query. */
  path: string
}

/** What connections stand ready for. */
export const warmUses = ['http', 'websocket'] as const

/** Whether a shared answer was at hand. */
export const assetOutcomes = ['hit', 'miss'] as const

/** How TLS began on a connection: by a handshake in full, by a session of before, or not at all. */
export const handshakeKinds = ['full', 'resumed', 'none'] as const
export type HandshakeKind = typeof handshakeKinds[number]

/** Why a session ended that nobody signed out of. */
export type EndReason = 'idle' | 'lifetime' | 'tokens-refused' | 'user-refused' | 'not-allowed' | 'another-user' | 'nobody-named' | 'tenant-gone'

/** What happened to a session, for an audit. */
export interface SessionEvent {
  event: 'sign-in' | 'sign-out' | 'session-ended'
  /** Of a session that ended. */
  reason?: EndReason
  sessionId: string
  /** Who is signed in, where it is known. */
  subject: string | undefined
  /** The log of the request that did it, or met it. */
  log: FastifyBaseLogger
  /** The address of the client, where a client did it. */
  client?: string | undefined
}

/** Whose word a refused call of the token endpoint was: the endpoint's about the token or its user, or about the client, or that of a proxy before it. */
export const refusalSources = ['token', 'client', 'intermediary'] as const
export type RefusalSource = typeof refusalSources[number]

/** A WebSocket that is over: who ended it, by which code (1005 without one, 1006 without a close frame), and what passed. */
export interface SocketLife {
  sessionId: string
  /** Who is signed in, where it is known. */
  subject: string | undefined
  /** Of its upgrade, as in `socketOpened`. */
  traceId: string
  /** The log of its upgrade, with its trace id. */
  log: FastifyBaseLogger
  by: 'client' | 'tenant' | 'gateway'
  code: number
  milliseconds: number
  /** How long the tenant took to take it. */
  tenantMilliseconds: number
  bytesFromClient: number
  bytesToClient: number
}

/**
 * What a gateway tells about itself, by name. Words are of fixed sets and never of a client's or the tenant's making, since labels of
 * metrics are made of them. `tenant` is the configured name of the tenant that it is about, where there are several. Listeners are called at once; what they raise is caught, logged and counted.
 */
export interface SignalMap {
  /** A request has come, and nothing has happened to it. What a listener enters an AsyncLocalStorage with holds for all that follows from it. */
  received: [request: FastifyRequest]
  /** A request is over: answered, or left by its client; and the connection that it came by, which may be gone. */
  answered: [request: FastifyRequest, reply: FastifyReply, aborted: boolean, connection: Socket]
  /** The gateway answered with an error of its own, on a route family (`none` where there is no route). */
  refused: [code: ErrorCode, route: string, tenant?: string]
  /** A policy refused something, of which the tenant hears nothing. */
  denied: [denial: Denial, tenant?: string]
  /** The tenant is about to be asked. */
  tenantAsked: [asking: TenantAsking, tenant?: string]
  /** The tenant answered after so many ms, with this status; 0 when it did not, `clientLeft` when nobody waited any more. */
  tenantAnswered: [asking: TenantAsking, status: number, milliseconds: number, tenant?: string]
  /** A connection to the tenant was opened. */
  connected: [handshake: HandshakeKind, tenant?: string]
  /** One connection more (1) or less (-1) stands ready. */
  warmed: [use: typeof warmUses[number], by: 1 | -1, tenant?: string]
  /** Somebody asked for what all share: it was at hand, or the tenant was asked. */
  assetAsked: [outcome: typeof assetOutcomes[number], tenant?: string]
  /** Somebody needed other tokens than those of their cookie. */
  refreshed: [outcome: RefreshOutcome, tenant?: string]
  /** The token endpoint, or a proxy before it, refused: whose word it was. */
  tokenRefused: [by: RefusalSource, failure: Error, tenant?: string]
  /** A login began, or ended well; one that failed is `refused` on its route. */
  login: [step: typeof loginSteps[number], tenant?: string]
  /** A session began, or ended. */
  session: [event: SessionEvent, tenant?: string]
  /** A user was created at the tenant, or their groups were assigned. */
  provisioned: [subject: string, log: FastifyBaseLogger, tenant?: string]
  /** So many lines of the log were dropped, because nobody read them. */
  logDropped: [lines: number]
  /** A refresh token was given back, is to be tried again, or was given up. */
  revoked: [outcome: typeof revocationOutcomes[number], tenant?: string]
  /** A cookie of ours goes out, in all its parts: names and values in bytes. */
  cookieSet: [name: 'session' | 'login', bytes: number, tenant?: string]
  /** A WebSocket is open, by the request of this trace id, which is over by that. */
  socketOpened: [traceId: string, tenant?: string]
  socketClosed: [life: SocketLife, tenant?: string]
  /** Redis came or went. */
  redisChanged: [state: 'here' | 'away']
  /** A command or a connection of Redis failed. */
  redisFailed: []
  /** One of several tenants is served from now on. */
  tenantServed: [tenant: string]
  /** Session keys were taken into use: how many. */
  keysLoaded: [count: number, tenant?: string]
  /** Files of keys, secrets and certificates are to be read again at once. */
  reload: []
  /** The gateway takes its leave: it is not ready any more. */
  draining: []
  /** A listener of another signal raised this. */
  listenerFailed: [signal: string, error: unknown]
  /** The process met an exception that nothing caught, and ends once it has drained. */
  crashed: []
}

/** The signals of one gateway. */
export type Signals = EventEmitter<SignalMap>

/** An emitter for one gateway, whose listeners cannot harm what they are told of. Without listeners it costs a look-up. */
export function createSignals (): Signals {
  return new GuardedEmitter()
}

/**
 * What a listener raises, at once or by a promise, would end the request that it is told of, or the process, and keep it from the listeners behind it.
 * It is caught, and signalled as `listenerFailed`.
 */
class GuardedEmitter extends EventEmitter<SignalMap> {
  override emit<Name>(name: Name & keyof SignalMap, ...args: unknown[]): boolean {
    const listeners = this.rawListeners(name)
    for (const listener of listeners) {
      try {
        const outcome: unknown = Reflect.apply(listener, this, args)
        if (outcome instanceof Promise) outcome.catch((error: unknown) => { this.#fail(name, error) })
      } catch (error) {
        this.#fail(name, error)
      }
    }
    return listeners.length > 0
  }

  #fail (name: keyof SignalMap, error: unknown): void {
    // One that fails to tell of failures has nobody to tell.
    if (name !== 'listenerFailed') this.emit('listenerFailed', name, error)
  }
}

/** The signals of one of several tenants: what it tells reaches the listeners of the gateway with its name; its listeners are the gateway's. */
export function tenantSignals (signals: Signals, name: string | undefined): Signals {
  return name === undefined ? signals : new TenantEmitter(signals, name)
}

type SignalListener<Name> = Name extends keyof SignalMap ? (...args: SignalMap[Name]) => void : never

class TenantEmitter extends EventEmitter<SignalMap> {
  readonly #gateway: Signals
  readonly #name: string

  constructor (gateway: Signals, name: string) {
    super()
    this.#gateway = gateway
    this.#name = name
  }

  override emit<Name>(name: Name & keyof SignalMap, ...args: unknown[]): boolean {
    return (this.#gateway as EventEmitter).emit(name, ...args, this.#name)
  }

  override on<Name>(name: keyof SignalMap | Name, listener: SignalListener<Name>): this {
    this.#gateway.on(name, listener)
    return this
  }

  override off<Name>(name: keyof SignalMap | Name, listener: SignalListener<Name>): this {
    this.#gateway.off(name, listener)
    return this
  }
}
