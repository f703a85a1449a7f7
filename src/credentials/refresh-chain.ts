import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { atMost } from '../lru.js'
import type { RenewableTokens } from '../session/record.js'
import { TokenFailure } from './token-failure.js'
import { countsAtOnce, renewalDueAt } from './grants.js'

/** What is to be done for somebody who needs a token: the newest serves, a grant is under way, none may be tried yet, or one is due; or the login is over. */
export type RefreshDecision = 'serve' | 'join' | 'wait' | 'grant' | 'refused'

/** A grant under way, and when those stop waiting for it whose token still serves. */
export interface PendingRefresh { result: Promise<RenewableTokens>, slow: Promise<undefined> }

/** No attempt before this time, because of this failure. */
interface Wait { until: number, failure: TokenFailure }

const longestGrowthSeconds = 60
const longestWaitSeconds = 300

/** The refresh tokens that followed one another since a login. Every one of them leads to the newest tokens. */
export class RefreshChain {
  latest: RenewableTokens
  pending: PendingRefresh | undefined
  /** What a new sign-in has put in its place. */
  successor: RefreshChain | undefined
  #refused: TokenFailure | undefined
  /** A refusal that is to be confirmed: the access token still served when it came. */
  #doubted = false
  /** Failed attempts since the last that succeeded. */
  #failures = 0
  #wait: Wait | undefined
  readonly #longestMarginMs: number | undefined

  constructor (tokens: RenewableTokens, longestMarginMs?: number) {
    this.latest = tokens
    this.#longestMarginMs = longestMarginMs
  }

  /** Why the login is over, if it is. */
  get refused (): TokenFailure | undefined {
    return this.#refused
  }

  /** Whether the newest access token has not ended and is not the one that was refused elsewhere. */
  isUsable (now: number, replaced?: string): boolean {
    return now < this.latest.endsAt && this.latest.accessToken !== replaced
  }

  decide (now: number, replaced?: string): RefreshDecision {
    if (this.#refused !== undefined) return 'refused'
    if (this.isUsable(now, replaced) && now < renewalDueAt(this.latest, this.#longestMarginMs)) return 'serve'
    if (this.pending !== undefined) return 'join'
    return this.#secondsToWait(now) > 0 ? 'wait' : 'grant'
  }

  /** Takes tokens that followed; older ones than the newest displace nothing. */
  succeed (tokens: RenewableTokens): void {
    if (tokens.generation > this.latest.generation) this.latest = tokens
    this.#failures = 0
    this.#doubted = false
    this.#wait = undefined
  }

  /** Takes a failed attempt. `urgent`: the access token was of no use any more. A refusal of a login whose token serves is asked once more. */
  fail (failure: TokenFailure, now: number, urgent: boolean): void {
    if (failure.kind === 'refused') {
      if (this.#doubted || countsAtOnce(failure, this.latest, urgent, now)) {
        this.#refused = failure
        return
      }
      this.#doubted = true
    }
    const grown = Math.min(longestGrowthSeconds, 2 ** this.#failures)
    // Half of a growing wait is left to chance, so that replicas do not come back together.
    const seconds = failure.retryAfterSeconds ?? (this.#failures === 0 ? 1 : grown / 2 + Math.random() * grown / 2)
    if (failure.retryAfterSeconds === undefined) this.#failures++
    this.#wait = { until: now + Math.min(longestWaitSeconds, Math.max(1, seconds)) * 1000, failure }
  }

  /** What is told to those whom no token serves before the next attempt. A refusal that is not confirmed ends nothing. */
  failureUntilNextAttempt (now: number): TokenFailure {
    const { failure } = this.#wait as Wait
    const retryAfterSeconds = Math.min(longestGrowthSeconds, Math.max(1, Math.ceil(this.#secondsToWait(now))))
    return new TokenFailure(failure.kind === 'refused' ? 'unavailable' : failure.kind, { ...failure, retryAfterSeconds, cause: failure })
  }

  #secondsToWait (now: number): number {
    const seconds = this.#wait === undefined ? 0 : (this.#wait.until - now) / 1000
    // More than was ever asked for: the clock was set back.
    return seconds > longestWaitSeconds ? 0 : seconds
  }
}

/** The chains that this process has renewed tokens for, each found by any of its refresh tokens. The least recently used token is forgotten first. */
export class RefreshChains {
  readonly #chains: LRUCache<string, RefreshChain>

  constructor (mostRemembered: number) {
    this.#chains = new LRUCache(atMost(mostRemembered))
  }

  find (tokens: RenewableTokens): RefreshChain | undefined {
    let chain = this.#chains.get(keyOf(tokens))
    while (chain?.successor !== undefined) chain = chain.successor
    // Another replica may have refreshed under a refresh token that the tenant does not rotate.
    if (chain?.latest.refreshToken === tokens.refreshToken && tokens.generation > chain.latest.generation) chain.latest = tokens
    return chain
  }

  /** From now on these tokens lead to the chain. */
  remember (tokens: RenewableTokens, chain: RefreshChain): void {
    this.#chains.set(keyOf(tokens), chain)
  }

  /** From now on these tokens lead nowhere. */
  forget (tokens: RenewableTokens): void {
    this.#chains.delete(keyOf(tokens))
  }
}

const keys = new WeakMap<RenewableTokens, string>()

// The key is a hash, so that the memory of one process is not a list of live refresh tokens by name.
function keyOf (tokens: RenewableTokens): string {
  const known = keys.get(tokens)
  if (known !== undefined) return known
  const key = hash('sha256', tokens.refreshToken, 'base64url')
  keys.set(tokens, key)
  return key
}
