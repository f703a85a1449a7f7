import type { FastifyBaseLogger } from 'fastify'
import { GatewayError } from '../../errors.js'
import type { EndedSessions } from '../../session/ended.js'
import { userOf, type Grant, type Session, type SessionLimits } from '../../session/record.js'
import { RefusedCalls } from '../refused-calls.js'
import type { Signals } from '../../signals.js'
import type { Credentials, GrantHolder, RefusedRequest, Succession } from '../credentials.js'
import { toGatewayError, type TokenFailure } from '../token-failure.js'
import type { UserStore } from './user-store.js'
import type { UserTokens } from './user-tokens.js'

export interface ImpersonationCredentialsOptions {
  tokens: UserTokens
  store: UserStore
  ended: EndedSessions
  limits: SessionLimits
  now: () => number
  signals: Signals
  /** Called when the tenant gives no token for a user, whom it may not know any more. */
  onRefused: (user: string) => void
  close: () => void
}

// Requests at the same time may each begin a session, of which the browser keeps one. The others are counted for this long only.
const provisionalMs = 60_000

/** The credentials of users whom the host application names. Sessions hold no token; those of the same user share one. */
export class ImpersonationCredentials implements Credentials {
  readonly #tokens: UserTokens
  readonly #store: UserStore
  readonly #ended: EndedSessions
  readonly #limits: SessionLimits
  readonly #now: () => number
  readonly #signals: Signals
  readonly #refusedCalls = new RefusedCalls()
  readonly #onRefused: ImpersonationCredentialsOptions['onRefused']
  readonly close: () => void

  constructor ({ tokens, store, ended, limits, now, signals, onRefused, close }: ImpersonationCredentialsOptions) {
    this.#tokens = tokens
    this.#store = store
    this.#ended = ended
    this.#limits = limits
    this.#now = now
    this.#signals = signals
    this.#onRefused = onRefused
    this.close = close
  }

  accessToken (session: Session, holder: GrantHolder): string | Promise<string> {
    const { user } = userOf(session.grant)
    this.#count(user, session)
    const newest = this.#tokens.newest(user)
    return this.#tokens.serves(newest) ? newest.accessToken : this.#renew(user, session, holder)
  }

  async replaceAccessToken (session: Session, refused: string, holder: RefusedRequest, isRepeated: boolean): Promise<string | undefined> {
    const { user } = userOf(session.grant)
    if (this.#refusedCalls.isHopeless(holder, refused, this.#tokens.newest(user), this.#now())) return undefined
    const token = await this.#renew(user, session, holder, refused)
    this.#refusedCalls.replace(holder, token, isRepeated, this.#now())
    return token
  }

  /** The tenant may give a token at any time. */
  isUsable (session: Session): boolean {
    userOf(session.grant)
    return true
  }

  newest (grant: Grant): Grant {
    return grant
  }

  latest (session: Session): { accessToken: string, generation: number } {
    return this.#tokens.newest(userOf(session.grant).user)
  }

  async follow (): Promise<void> {}

  /** The tokens are the user's, not the session's. */
  succeed (_previous: readonly Session[], session: Session): Succession {
    return { session, told: Promise.resolve() }
  }

  release (session: Session, log: FastifyBaseLogger): void {
    const { user } = userOf(session.grant)
    const leave = async () => {
      // First, since the store tells all replicas, this one too, to forget the user's tokens.
      const known = await this.#tokens.awaitNewest(user)
      const shared = await this.#store.leave(user, session.id)
      if (shared !== undefined) this.#tokens.drop(user, [known, ...shared])
    }
    leave().catch((error: Error) => { log.warn({ failure: error.message }, 'the token of a user could not be dropped') })
  }

  #count (user: string, { id, createdAt }: Session): void {
    const provisionalUntil = createdAt + provisionalMs
    this.#store.join(user, { id, endsAt: this.#now() < provisionalUntil ? provisionalUntil : createdAt + this.#limits.maxMs })
  }

  async #renew (user: string, session: Session, holder: GrantHolder, refused?: string): Promise<string> {
    try {
      const { accessToken } = await this.#tokens.renew(user, refused)
      if (!this.#ended.has(session.id)) return accessToken
    } catch (error) {
      throw this.#judge(error as TokenFailure, session, holder)
    }
    // The session was signed out during the grant, when there was no token to drop yet.
    this.release(session, holder.log)
    throw new GatewayError('GW-NO-SESSION')
  }

  #judge (failure: TokenFailure, session: Session, { log, qlikSession }: GrantHolder): GatewayError {
    if (failure.kind !== 'refused') return toGatewayError(failure.kind, failure)
    log.info({ failure: failure.message }, 'the session has ended: the tenant gives no token for its user')
    const hasBegun = qlikSession.peek()?.id === session.id
    this.#ended.end(session.id)
    const { id: sessionId, subject } = session
    if (hasBegun) this.#signals.emit('session', { event: 'session-ended', reason: 'user-refused', sessionId, subject, log })
    this.#onRefused(userOf(session.grant).user)
    return new GatewayError('GW-USER-REFUSED', { cause: failure })
  }
}
