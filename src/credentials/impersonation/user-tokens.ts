import { LRUCache } from 'lru-cache'
import { atMost } from '../../lru.js'
import type { RenewableTokens, TokenSet } from '../../session/record.js'
import type { Signals } from '../../signals.js'
import { Refresher } from '../refresh.js'
import type { TokenFailure } from '../token-failure.js'
import { GrantQueue } from './grant-queue.js'
import type { GrantForUser } from './user-grant.js'
import type { UserStore } from './user-store.js'

/** How tokens are asked for and given back. */
export interface UserCalls {
  grantForUser: GrantForUser
  /** Takes tokens that nobody will use. */
  discard: (tokens: TokenSet) => void
}

export interface UserTokensOptions extends UserCalls {
  store: UserStore
  now: () => number
  signals: Signals
}

// As long as somebody may wait who has just corrected it at the tenant.
const refusedMs = 10_000
const mostRemembered = 20_000

/**
 * The access token of each user: one grant, however many sessions and requests ask, and renewed when a tenth of its life is left. A user is here
 * what a refresh token that is never rotated is elsewhere: who has it gets the next access token. So a Refresher keeps them.
 */
export class UserTokens {
  readonly #refresher: Refresher
  readonly #now: () => number
  readonly #discard: UserCalls['discard']
  /** When a refusal was heard of a user, who is not asked for again at once. */
  readonly #refusedAt = new LRUCache<string, number>(atMost(mostRemembered))

  constructor ({ grantForUser, store, now, signals, discard }: UserTokensOptions) {
    const queue = new GrantQueue(store.turns)
    this.#now = now
    this.#discard = discard
    this.#refresher = new Refresher({
      async refresh ({ refreshToken: user, generation }) {
        const { accessToken, grantedAt, endsAt } = await queue.run(async () => await grantForUser(user))
        // By the clock, so that what other replicas got can be told from it.
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

  /** The newest token of a user that this process knows, which may be none any more. */
  newest (user: string): TokenSet {
    return this.#refresher.newest(startOf(user))
  }

  /** Whether a token of `newest` is not due. */
  serves (tokens: TokenSet): boolean {
    return this.#refresher.serves(tokens)
  }

  /** A token that serves, and is not the one that was `replaced`. Raises TokenFailure. */
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
  async settle (user: string): Promise<TokenSet> {
    await this.#refresher.currentRefreshToken(startOf(user))
    return this.newest(user)
  }

  /** Forgets a user, and gives these tokens of theirs back. */
  drop (user: string, tokens: readonly TokenSet[]): void {
    this.#forget(user)
    for (const token of new Set(tokens.map(({ accessToken }) => accessToken))) if (token !== '') this.#discard({ ...startOf(user), accessToken: token })
  }

  /** Has the next request for a user ask the tenant, however it answered before. */
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

/** Where the tokens of a user begin: with none. */
function startOf (user: string): RenewableTokens {
  return { accessToken: '', refreshToken: user, grantedAt: 0, endsAt: 0, generation: 0 }
}
