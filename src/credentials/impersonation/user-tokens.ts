import { LRUCache } from 'lru-cache'
import { atMost } from '../../lru.js'
import type { RenewableTokens, TokenSet } from '../../session/record.js'
import type { Signals } from '../../signals.js'
import { Refresher } from '../refresh.js'
import type { TokenFailure } from '../token-failure.js'
import { GrantQueue } from './grant-queue.js'
import type { GrantForUser } from './user-grant.js'
import type { UserStore } from './user-store.js'

/** The calls that get tokens and give them back. */
export interface UserCalls {
  grantForUser: GrantForUser
  /** Called with tokens that nobody will use any more. */
  discard: (tokens: TokenSet) => void
}

export interface UserTokensOptions extends UserCalls {
  store: UserStore
  now: () => number
  signals: Signals
}

// After a refusal the tenant is not asked again for so long. Whoever has corrected something there waits no longer than this.
const refusedMs = 10_000
const mostRemembered = 20_000

/**
 * The access token of each user: one grant, however many sessions and requests ask, renewed when a tenth of its life is
 * left. A user is treated like a refresh token that is never rotated, since it leads to the next access token. So a
 * Refresher can do the work.
 */
export class UserTokens {
  readonly #refresher: Refresher
  readonly #now: () => number
  readonly #discard: UserCalls['discard']
  /** When the tenant refused a token for a user. */
  readonly #refusedAt = new LRUCache<string, number>(atMost(mostRemembered))

  constructor ({ grantForUser, store, now, signals, discard }: UserTokensOptions) {
    const queue = new GrantQueue(store.turns)
    this.#now = now
    this.#discard = discard
    this.#refresher = new Refresher({
      async refresh ({ refreshToken: user, generation }) {
        const { accessToken, grantedAt, endsAt } = await queue.run(async () => await grantForUser(user))
        // The generation is a time, so that tokens of several replicas can be compared.
        return { accessToken, refreshToken: user, grantedAt, endsAt, generation: Math.max(generation + 1, grantedAt) }
      },
      now,
      grants: store.grants,
      discard,
      longestMarginMs: Infinity,
      signals
    })
    store.onDropped(user => { this.#refresher.forget(startOf(user)) })
  }

  /** The newest token of a user that this process knows, which may have expired. */
  newest (user: string): TokenSet {
    return this.#refresher.newest(startOf(user))
  }

  /** Whether a token of `newest` is not due for renewal. */
  serves (tokens: TokenSet): boolean {
    return this.#refresher.serves(tokens)
  }

  /** A usable token other than `replaced`, which the tenant has refused. Raises TokenFailure. */
  async renew (user: string, replaced?: string): Promise<TokenSet> {
    const refusedAt = this.#refusedAt.get(user)
    if (refusedAt !== undefined && Math.abs(this.#now() - refusedAt) >= refusedMs) this.#forget(user)
    try {
      return await this.#refresher.renew(this.#renewable(user), replaced)
    } catch (error) {
      if ((error as TokenFailure).kind === 'refused' && !this.#refusedAt.has(user)) this.#refusedAt.set(user, this.#now())
      throw error
    }
  }

  /** The newest token, once a grant that is under way has ended. */
  async awaitNewest (user: string): Promise<TokenSet> {
    await this.#refresher.currentRefreshToken(startOf(user))
    return this.newest(user)
  }

  /** Forgets a user, and gives back these tokens of theirs. */
  drop (user: string, tokens: readonly TokenSet[]): void {
    this.#forget(user)
    const accessTokens = new Set(tokens.map(({ accessToken }) => accessToken).filter(token => token !== ''))
    for (const accessToken of accessTokens) this.#discard({ ...startOf(user), accessToken })
  }

  /** Lets the next request for a user ask the tenant, even if it has just refused. */
  retry (user: string): void {
    if (this.#refusedAt.has(user)) this.#forget(user)
  }

  #renewable (user: string): RenewableTokens {
    return { refreshToken: user, ...this.newest(user) }
  }

  #forget (user: string): void {
    this.#refusedAt.delete(user)
    this.#refresher.forget(startOf(user))
  }
}

/** The tokens of a user before the first grant. */
function startOf (user: string): RenewableTokens {
  return { accessToken: '', refreshToken: user, grantedAt: 0, endsAt: 0, generation: 0 }
}
