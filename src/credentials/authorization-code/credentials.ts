import type { FastifyBaseLogger } from 'fastify'
import { GatewayError } from '../../errors.js'
import type { EndedSessions } from '../../session/ended.js'
import type { RenewedSessions } from '../../session/renewed.js'
import { tokensOf, type Grant, type Session, type TokenSet } from '../../session/record.js'
import { createSignals, type Signals } from '../../signals.js'
import type { Credentials, GrantHolder, RefusedRequest, Succession } from '../credentials.js'
import { toGatewayError, type TokenFailure } from '../token-failure.js'
import type { Refresher } from '../refresh.js'
import { RefusedCalls } from '../refused-calls.js'
import type { Revocation } from '../revocation.js'

export interface CodeCredentialsOptions {
  refresher: Pick<Refresher, 'serves' | 'renew' | 'newest' | 'follow' | 'succeed'>
  revocation: Revocation
  ended: EndedSessions
  renewed: Pick<RenewedSessions, 'last'>
  now: () => number
  signals?: Signals
}

/**
 * The credentials of users who signed in at the tenant (authorization code flow). The session holds their tokens;
 * refresh grants renew them.
 */
export class CodeCredentials implements Credentials {
  readonly #refresher: CodeCredentialsOptions['refresher']
  readonly #revocation: Revocation
  readonly #ended: EndedSessions
  readonly #renewed: Pick<RenewedSessions, 'last'>
  readonly #now: () => number
  readonly #signals: Signals
  readonly #refusedCalls = new RefusedCalls()

  constructor ({ refresher, revocation, ended, renewed, now, signals = createSignals() }: CodeCredentialsOptions) {
    this.#refresher = refresher
    this.#revocation = revocation
    this.#ended = ended
    this.#renewed = renewed
    this.#now = now
    this.#signals = signals
  }

  accessToken (session: Session, holder: GrantHolder): string | Promise<string> {
    const grant = tokensOf(session.grant)
    if (this.#isOutdated(session)) return this.#refresher.follow(grant).then(async () => await this.#renew(session, holder))
    return this.#refresher.serves(grant) ? grant.accessToken : this.#renew(session, holder)
  }

  /** Whether the user has signed in again, maybe at another replica, and this process does not know the tokens of that sign-in. */
  #isOutdated ({ id, grant }: Session): boolean {
    const { generation } = this.#renewed.last(id)
    return generation > tokensOf(grant).generation && generation > this.newest(grant).generation
  }

  async replaceAccessToken (session: Session, refused: string, holder: RefusedRequest, isRepeated: boolean): Promise<string | undefined> {
    if (this.#refusedCalls.isHopeless(holder, refused, this.newest(session.grant), this.#now())) return undefined
    const token = await this.#renew(session, holder, refused)
    this.#refusedCalls.replace(holder, token, isRepeated, this.#now())
    return token
  }

  isUsable (session: Session): boolean {
    const grant = tokensOf(session.grant)
    return grant.refreshToken !== undefined || grant.endsAt > this.#now()
  }

  newest (grant: Grant): TokenSet {
    return this.#refresher.newest(tokensOf(grant))
  }

  latest ({ grant }: Session): TokenSet {
    return this.newest(grant)
  }

  async follow (grant: Grant): Promise<void> {
    await this.#refresher.follow(tokensOf(grant))
  }

  release (session: Session, log: FastifyBaseLogger): void {
    this.#revocation.revoke(tokensOf(session.grant), log)
  }

  succeed (previous: readonly Session[], { grant: next, ...session }: Session, log: FastifyBaseLogger): Succession {
    const { tokens: grant, leftOver, told } = this.#refresher.succeed(previous.map(({ grant }) => tokensOf(grant)), tokensOf(next))
    for (const tokens of leftOver) tokens.then(tokens => { this.#revocation.revoke(tokens, log, true) }, () => {})
    return { session: { ...session, grant }, told }
  }

  close (): void {
    this.#revocation.close()
  }

  async #renew (session: Session, holder: GrantHolder, refused?: string): Promise<string> {
    const grant = await this.#refresh(session, holder, refused)
    if (grant !== session.grant) {
      // The user signed out during the grant, maybe at another replica. Only this process knows the new tokens, so it revokes them.
      if (this.#ended.has(session.id)) {
        this.#revocation.revoke(grant, holder.log)
        throw new GatewayError('GW-NO-SESSION')
      }
      holder.log.debug('the tokens of the session were renewed')
      holder.qlikSession.replace({ ...session, grant })
    }
    return grant.accessToken
  }

  #end ({ id: sessionId, subject }: Session, log: FastifyBaseLogger): void {
    this.#ended.end(sessionId)
    this.#signals.emit('session', { event: 'session-ended', reason: 'tokens-refused', sessionId, subject, log })
  }

  async #refresh (session: Session, { log }: GrantHolder, refused?: string): Promise<TokenSet> {
    try {
      return await this.#refresher.renew(tokensOf(session.grant), refused)
    } catch (error) {
      const failure = error as TokenFailure
      if (failure.kind !== 'refused') throw toGatewayError(failure.kind, failure)
      log.info({ failure: failure.message }, 'the session has ended: its tokens were refused')
      // If the user has signed in again meanwhile, the older tokens were revoked, and their refusal does not concern
      // the session. The browser may have a newer cookie by now, so none is cleared.
      if (this.newest(session.grant).generation >= this.#renewed.last(session.id).generation) this.#end(session, log)
      throw new GatewayError('GW-NO-SESSION', { cause: failure })
    }
  }
}
