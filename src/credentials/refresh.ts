import { isRenewable, type RenewableTokens, type TokenSet } from '../session/record.js'
import { createSignals, type Signals } from '../signals.js'
import { TokenFailure } from './token-failure.js'
import { anotherUser, ownGrants, renewalDueAt, type Grants } from './grants.js'
import { RefreshChain, RefreshChains, type PendingRefresh } from './refresh-chain.js'
import { isAnotherUser } from './subject.js'

export interface RefresherOptions {
  /** One refresh grant at the tenant. Raises TokenFailure. */
  refresh: (tokens: RenewableTokens) => Promise<RenewableTokens>
  now: () => number
  /** Coordinates grants among replicas; none unless given. */
  grants?: Grants
  /** Called with tokens that nobody will use: those of another user than the one who was signed in. */
  discard: (tokens: RenewableTokens) => void
  /** How many refresh tokens are remembered; 20,000 unless set. Each takes about 3 KB with the tokens that followed. */
  mostRemembered?: number
  /** Tokens are renewed when a tenth of their life is left, but no earlier than this before their end; 60 seconds unless set. */
  longestMarginMs?: number
  signals?: Signals
}

/** Keeps tokens usable with one refresh grant for each refresh token, however many requests ask and however old their cookies are. */
export class Refresher {
  readonly #refresh: RefresherOptions['refresh']
  readonly #now: () => number
  readonly #grants: Grants
  readonly #discard: RefresherOptions['discard']
  readonly #chains: RefreshChains
  readonly #longestMarginMs: number | undefined
  readonly #signals: Signals

  constructor (options: RefresherOptions) {
    this.#refresh = options.refresh
    this.#now = options.now
    this.#grants = options.grants ?? ownGrants
    this.#discard = options.discard
    this.#chains = new RefreshChains(options.mostRemembered ?? 20_000)
    this.#longestMarginMs = options.longestMarginMs
    this.#signals = options.signals ?? createSignals()
  }

  /** Whether these tokens are the newest known and not due, so that `renew` would return them. */
  serves (tokens: TokenSet): boolean {
    if (!isRenewable(tokens)) return this.#now() < tokens.endsAt
    const chain = this.#chains.find(tokens)
    return this.#now() < renewalDueAt(tokens, this.#longestMarginMs) &&
      (chain === undefined || (chain.refused === undefined && chain.latest.generation <= tokens.generation))
  }

  /**
   * The newest tokens that follow from these. They are renewed if their access token is due, or is the one that the
   * tenant has refused (`replaced`). A slow grant does not delay requests whose token still serves. Raises
   * TokenFailure: `refused` if the login has ended, another kind if no usable token is left.
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
        return await this.#result(chain, chain.start(this.#grant(chain, replaced !== undefined)), replaced)
    }
  }

  /** The refresh token that is valid now in place of the given one, once a grant under way has ended; undefined without a refresh token. */
  async currentRefreshToken (tokens: TokenSet): Promise<string | undefined> {
    if (!isRenewable(tokens)) return undefined
    // A grant that fails leaves the token as it was.
    await this.#chains.find(tokens)?.pending?.result.catch(() => {})
    return (await this.#findNewest(tokens)).refreshToken
  }

  /** Asks the other replicas for newer tokens that followed from these. Never rejects. */
  async follow (tokens: TokenSet): Promise<void> {
    if (isRenewable(tokens)) await this.#findNewest(tokens).catch(() => {})
  }

  /** The newest tokens that followed from these, as far as this process knows; these if there are none. */
  newest (tokens: TokenSet): TokenSet {
    const latest = isRenewable(tokens) ? this.#chains.find(tokens)?.latest : undefined
    return latest !== undefined && latest.generation > tokens.generation ? latest : tokens
  }

  /**
   * Has the former tokens of a session lead to those of a new sign-in, which are returned with the next generation.
   * `leftOver` resolves with tokens to revoke, once grants under way have ended; `told` when the other replicas know or
   * cannot be told.
   */
  succeed (previous: readonly TokenSet[], next: TokenSet): { tokens: TokenSet, leftOver: Promise<TokenSet>[], told: Promise<unknown> } {
    const chains = [...new Set(previous.filter(isRenewable).map(tokens => this.#chains.find(tokens) ?? this.#remember(tokens)))]
    const generations = [...previous, ...chains.map(({ latest }) => latest)].map(({ generation }) => generation)
    // Greater than that of a grant under way.
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

  /** Forgets what followed from these tokens. */
  forget (tokens: RenewableTokens): void {
    this.#chains.forget(tokens)
  }

  #keep (tokens: TokenSet, replaced: string | undefined): TokenSet {
    if (this.#now() < tokens.endsAt && replaced === undefined) return tokens
    this.#signals.emit('refreshed', 'refused')
    throw new TokenFailure('refused', { tenantCode: 'NO-REFRESH-TOKEN' })
  }

  async #result (chain: RefreshChain, { result, slow, late }: PendingRefresh, replaced: string | undefined): Promise<TokenSet> {
    try {
      const granted = await Promise.race([result, slow]) ??
        (chain.isUsable(this.#now(), replaced) ? undefined : await Promise.race([result, late]))
      if (granted !== undefined) return granted
    } catch (error) {
      if (chain.refused !== undefined) throw error
    }
    return this.#makeDo(chain, replaced)
  }

  /** The current token while it serves; the failure otherwise. */
  #makeDo (chain: RefreshChain, replaced: string | undefined): TokenSet {
    if (chain.isUsable(this.#now(), replaced)) return chain.latest
    throw chain.failureUntilNextAttempt(this.#now())
  }

  async #grant (chain: RefreshChain, urgent: boolean): Promise<RenewableTokens> {
    try {
      let granted = await this.#step(chain, urgent)
      // The tokens of another replica may be due already, and have a successor. Those of a grant of our own are the newest.
      while (!granted.here && this.#now() >= renewalDueAt(granted.tokens, this.#longestMarginMs)) granted = await this.#step(chain, urgent)
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

  /** The newest tokens that any replica has got for these. */
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
