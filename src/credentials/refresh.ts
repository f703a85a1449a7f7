import type { RenewableTokens, TokenSet } from '../session/record.js'
import { createSignals, type Signals } from '../signals.js'
import { TokenFailure } from './token-failure.js'
import { anotherUser, ownGrants, renewalDueAt, type Grants } from './grants.js'
import { RefreshChain, RefreshChains, type PendingRefresh } from './refresh-chain.js'
import { isAnotherUser } from './subject.js'

export interface RefresherOptions {
  /** One refresh grant at the tenant. Raises TokenFailure. */
  refresh: (tokens: RenewableTokens) => Promise<RenewableTokens>
  now: () => number
  /** What replicas have in common; nothing unless given. */
  grants?: Grants
  /** Takes tokens that nobody will use: those of another user than the one who was signed in. */
  discard: (tokens: RenewableTokens) => void
  /** How many refresh tokens are remembered with what followed from them: 20,000 unless set, of about 3 KB each. */
  mostRemembered?: number
  /** How long somebody whose token still serves waits for its successor; two seconds unless set. */
  slowAfterMs?: number
  /** How long before its end a token is renewed at the most; 60 seconds unless set. A tenth of its life is the limit in any case. */
  longestMarginMs?: number
  signals?: Signals
}

/** Keeps tokens usable with one refresh grant per refresh token, however many requests ask and whatever cookie they bring. It remembers in this process. */
export class Refresher {
  readonly #refresh: RefresherOptions['refresh']
  readonly #now: () => number
  readonly #grants: Grants
  readonly #discard: RefresherOptions['discard']
  readonly #chains: RefreshChains
  readonly #slowAfterMs: number
  readonly #longestMarginMs: number | undefined
  readonly #signals: Signals

  constructor (options: RefresherOptions) {
    const { refresh, now, grants = ownGrants, discard, mostRemembered = 20_000, slowAfterMs = 2_000, longestMarginMs, signals = createSignals() } = options
    this.#refresh = refresh
    this.#now = now
    this.#grants = grants
    this.#discard = discard
    this.#chains = new RefreshChains(mostRemembered)
    this.#slowAfterMs = slowAfterMs
    this.#longestMarginMs = longestMarginMs
    this.#signals = signals
  }

  /** Whether these tokens are the newest known, and their access token is not due yet: then `renew` would change nothing. */
  serves (tokens: TokenSet): boolean {
    if (!isRenewable(tokens)) return this.#now() < tokens.endsAt
    const chain = this.#chains.find(tokens)
    return this.#now() < this.#dueAt(tokens) &&
      (chain === undefined || (chain.refused === undefined && chain.latest.generation <= tokens.generation))
  }

  /**
   * The newest tokens that follow from these, renewed when their access token is due (or, with `replaced`, when they still hold that access
   * token, which the tenant has refused). A grant that takes long holds up nobody whose token still serves. Raises TokenFailure: `refused`
   * when the login has ended, otherwise when no token is left that could serve.
   */
  async renew (tokens: TokenSet, replaced?: string): Promise<TokenSet> {
    if (!isRenewable(tokens)) return this.#keep(tokens, replaced)
    const chain = this.#chains.find(tokens) ?? new RefreshChain(tokens, this.#longestMarginMs)
    const decision = chain.decide(this.#now(), replaced)
    switch (decision) {
      case 'refused':
        this.#signals.emit('refreshed', 'refused')
        throw chain.refused as TokenFailure
      case 'serve':
        if (chain.latest.generation > tokens.generation) this.#signals.emit('refreshed', 'remembered')
        return chain.latest
      case 'wait':
        this.#signals.emit('refreshed', 'waiting')
        return this.#makeDo(chain, replaced)
      case 'join':
        this.#signals.emit('refreshed', 'joined')
        return await this.#result(chain, chain.pending as PendingRefresh, replaced)
      case 'grant':
        this.#chains.remember(tokens, chain)
        return await this.#result(chain, this.#startRefresh(chain, replaced !== undefined), replaced)
    }
  }

  /** The refresh token that is alive in the place of these tokens', once a grant under way has ended; undefined when they have none. */
  async currentRefreshToken (tokens: TokenSet): Promise<string | undefined> {
    if (!isRenewable(tokens)) return undefined
    // A grant that fails leaves the token as it was.
    await this.#chains.find(tokens)?.pending?.result.catch(() => {})
    return (await this.#findNewest(tokens)).refreshToken
  }

  /** Learns from other replicas what followed from these tokens. What cannot be asked or read is as if nothing had followed. */
  async follow (tokens: TokenSet): Promise<void> {
    if (isRenewable(tokens)) await this.#findNewest(tokens).catch(() => {})
  }

  /** The newest tokens that this process knows to have followed from these; without any of newer date, these. */
  newest (tokens: TokenSet): TokenSet {
    const latest = isRenewable(tokens) ? this.#chains.find(tokens)?.latest : undefined
    return latest !== undefined && latest.generation > tokens.generation ? latest : tokens
  }

  /**
   * From now on these tokens lead to those of a new sign-in, which come back with the generation that follows. `leftOver`: what nobody needs any
   * more, once grants under way have ended. `told`: other replicas know, as far as they can be told.
   */
  succeed (previous: readonly TokenSet[], next: TokenSet): { tokens: TokenSet, leftOver: Promise<TokenSet>[], told: Promise<unknown> } {
    const chains = [...new Set(previous.filter(isRenewable).map(tokens => this.#chains.find(tokens) ?? this.#remember(tokens)))]
    const generations = [...previous, ...chains.map(({ latest }) => latest)].map(({ generation }) => generation)
    // Beyond what a grant under way will bring.
    const tokens = { ...next, generation: Math.max(...generations) + 2 }
    const leftOver = chains.map(async ({ pending, latest }) => await pending?.result.catch(() => latest) ?? latest)
    if (!isRenewable(tokens)) return { tokens, leftOver, told: Promise.resolve() }
    const successor = this.#remember(tokens)
    for (const chain of chains) chain.successor = successor
    return { tokens, leftOver, told: Promise.all(chains.map(async ({ latest }) => { await this.#grants.replace(latest, tokens) })) }
  }

  #remember (tokens: RenewableTokens): RefreshChain {
    const chain = new RefreshChain(tokens, this.#longestMarginMs)
    this.#chains.remember(tokens, chain)
    return chain
  }

  /** Forgets what followed from these tokens: whoever brings them next begins anew. */
  forget (tokens: RenewableTokens): void {
    this.#chains.forget(tokens)
  }

  #dueAt (tokens: TokenSet): number {
    return renewalDueAt(tokens, this.#longestMarginMs)
  }

  #keep (tokens: TokenSet, replaced: string | undefined): TokenSet {
    if (this.#now() < tokens.endsAt && replaced === undefined) return tokens
    this.#signals.emit('refreshed', 'refused')
    throw new TokenFailure('refused', { tenantCode: 'NO-REFRESH-TOKEN' })
  }

  async #result (chain: RefreshChain, { result, slow }: PendingRefresh, replaced: string | undefined): Promise<TokenSet> {
    try {
      const soon = await Promise.race([result, slow])
      if (soon !== undefined) return soon
      return chain.isUsable(this.#now(), replaced) ? chain.latest : await result
    } catch (error) {
      if (chain.refused !== undefined) throw error
      return this.#makeDo(chain, replaced)
    }
  }

  /** The token that there is, for as long as it serves. */
  #makeDo (chain: RefreshChain, replaced: string | undefined): TokenSet {
    if (chain.isUsable(this.#now(), replaced)) return chain.latest
    throw chain.failureUntilNextAttempt(this.#now())
  }

  #startRefresh (chain: RefreshChain, urgent: boolean): PendingRefresh {
    let timer: NodeJS.Timeout | undefined
    const slow = new Promise<undefined>(resolve => { timer = setTimeout(resolve, this.#slowAfterMs, undefined) })
    const result = this.#grant(chain, urgent).finally(() => {
      clearTimeout(timer)
      chain.pending = undefined
    })
    chain.pending = { result, slow }
    return chain.pending
  }

  async #grant (chain: RefreshChain, urgent: boolean): Promise<RenewableTokens> {
    try {
      let granted = await this.#step(chain, urgent)
      // What other replicas got leads on until something serves; what came just now is as good as it gets.
      while (!granted.here && this.#now() >= this.#dueAt(granted.tokens)) granted = await this.#step(chain, urgent)
      this.#signals.emit('refreshed', granted.here ? 'granted' : 'remembered')
      return granted.tokens
    } catch (error) {
      const failure = error instanceof TokenFailure ? error : new TokenFailure('unavailable', { cause: error })
      chain.fail(failure, this.#now(), urgent)
      this.#signals.emit('refreshed', chain.refused === undefined ? 'failed' : 'refused')
      throw failure
    }
  }

  async #step (chain: RefreshChain, urgent: boolean): Promise<{ tokens: RenewableTokens, here: boolean }> {
    const from = chain.latest
    const granted = await this.#grants.run(from, urgent, async () => await this.#ask(from))
    this.#advance(chain, granted.tokens)
    return granted
  }

  async #ask (from: RenewableTokens): Promise<RenewableTokens> {
    const next = await this.#refresh(from)
    if (!isAnotherUser(from, next)) return next
    this.#discard(next)
    throw new TokenFailure('refused', { tenantCode: anotherUser })
  }

  /** The newest tokens that any replica is known to have got for these. */
  async #findNewest (tokens: RenewableTokens): Promise<RenewableTokens> {
    let latest = this.#chains.find(tokens)?.latest ?? tokens
    for (let next = await this.#grants.find(latest); next !== undefined; next = await this.#grants.find(latest)) {
      this.#advance(this.#chains.find(latest) ?? this.#remember(latest), next)
      latest = next
    }
    return latest
  }

  #advance (chain: RefreshChain, tokens: RenewableTokens): void {
    chain.succeed(tokens)
    this.#chains.remember(tokens, chain)
  }
}

function isRenewable (tokens: TokenSet): tokens is RenewableTokens {
  return tokens.refreshToken !== undefined
}
