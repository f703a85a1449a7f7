import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { lazy } from '../lazy.js'
import { atMost } from '../lru.js'
import type { RenewableTokens } from '../session/record.js'
import { limitTime } from '../time-limit.js'
import { TokenFailure } from './token-failure.js'
import { countsAtOnce, renewalDueAt } from './grants.js'

/**
 * What to do for a request that needs a token. `serve`: give it the newest. `join`: have it wait for the grant under
 * way. `wait`: no attempt is due yet after a failure. `grant`: begin one. `refused`: the login is over.
 */
export type RefreshDecision = 'serve' | 'join' | 'wait' | 'grant' | 'refused'

/**
 * A grant under way. Requests whose token still serves wait until `slow` resolves, others until `late` does. The grant
 * goes on after that: the tenant may have used up the refresh token, and only its answer holds the next one.
 */
export interface PendingRefresh { result: Promise<RenewableTokens>, slow: Promise<undefined>, late: Promise<undefined> }

/** After a failure there is no attempt before this time. */
interface Wait { until: number, failure: TokenFailure }

const noWait: Wait = { until: 0, failure: new TokenFailure('unavailable', {}) }
const slowAfterMs = 2_000
const lateAfterMs = 10_000
const longestGrowthSeconds = 60
const longestWaitSeconds = 300

/** The refresh tokens that followed from one login. Each of them leads to the newest tokens. */
export class RefreshChain {
  latest: RenewableTokens
  pending: PendingRefresh | undefined
  /** The chain of a new sign-in that has replaced this one. */
  successor: RefreshChain | undefined
  #refused: TokenFailure | undefined
  /** Whether a refusal came while the access token still served. The next attempt confirms it or not. */
  #doubted = false
  /** Failed attempts since the last success. */
  #failures = 0
  #wait = noWait
  readonly #longestMarginMs: number | undefined

  constructor (tokens: RenewableTokens, longestMarginMs?: number) {
    this.latest = tokens
    this.#longestMarginMs = longestMarginMs
  }

  /** Why the login is over, if it is. */
  get refused (): TokenFailure | undefined {
    return this.#refused
  }

  /** Whether the newest access token has not expired and is not the one that the tenant has refused (`replaced`). */
  isUsable (now: number, replaced?: string): boolean {
    return now < this.latest.endsAt && this.latest.accessToken !== replaced
  }

  /** Starts a grant, which is `pending` until it ends. */
  start (grant: Promise<RenewableTokens>): PendingRefresh {
    const stops: (() => void)[] = []
    const after = async (limitMs: number) =>
      await new Promise<undefined>(resolve => { stops.push(limitTime(limitMs, () => { resolve(undefined) })) })
    const result = grant.finally(() => {
      for (const stop of stops) stop()
      this.pending = undefined
    })
    this.pending = { result, slow: after(slowAfterMs), late: after(lateAfterMs) }
    return this.pending
  }

  decide (now: number, replaced?: string): RefreshDecision {
    if (this.#refused !== undefined) return 'refused'
    if (this.isUsable(now, replaced) && now < renewalDueAt(this.latest, this.#longestMarginMs)) return 'serve'
    if (this.pending !== undefined) return 'join'
    return this.#secondsToWait(now) > 0 ? 'wait' : 'grant'
  }

  /** Notes the tokens of a grant. Tokens that are older than the newest change nothing. */
  succeed (tokens: RenewableTokens): void {
    if (tokens.generation > this.latest.generation) this.latest = tokens
    this.#failures = 0
    this.#doubted = false
    this.#wait = noWait
  }

  /** Notes a failed attempt. `urgent` says that the tenant had refused the access token. */
  fail (failure: TokenFailure, now: number, urgent: boolean): void {
    if (failure.kind === 'refused') {
      if (this.#doubted || countsAtOnce(failure, this.latest, urgent, now)) {
        this.#refused = failure
        return
      }
      this.#doubted = true
    }
    const grown = Math.min(longestGrowthSeconds, 2 ** this.#failures)
    // Half of a growing wait is random, so that replicas do not try again at the same time.
    const seconds = failure.retryAfterSeconds ?? (this.#failures === 0 ? 1 : grown / 2 + Math.random() * grown / 2)
    if (failure.retryAfterSeconds === undefined) this.#failures++
    this.#wait = { until: now + Math.min(longestWaitSeconds, Math.max(1, seconds)) * 1000, failure }
  }

  /** The failure for requests that need a token before the next attempt. A refusal that is not confirmed ends no session. */
  failureUntilNextAttempt (now: number): TokenFailure {
    const { failure } = this.#wait
    const retryAfterSeconds = Math.min(longestGrowthSeconds, Math.max(1, Math.ceil(this.#secondsToWait(now))))
    return new TokenFailure(failure.kind === 'refused' ? 'unavailable' : failure.kind, { ...failure, retryAfterSeconds, cause: failure })
  }

  #secondsToWait (now: number): number {
    const seconds = (this.#wait.until - now) / 1000
    // A longer wait was never set, so the clock was set back.
    return seconds > longestWaitSeconds ? 0 : seconds
  }
}

/**
 * The chains that this process has renewed tokens for, by each of their refresh tokens. The least recently used token
 * is forgotten first.
 */
export class RefreshChains {
  readonly #chains: () => LRUCache<string, RefreshChain>

  constructor (mostRemembered: number) {
    this.#chains = lazy(() => new LRUCache(atMost(mostRemembered)))
  }

  find (tokens: RenewableTokens): RefreshChain | undefined {
    let chain = this.#chains().get(keyOf(tokens))
    while (chain?.successor !== undefined) chain = chain.successor
    // Where the tenant does not rotate refresh tokens, another replica may have got newer tokens for the same one.
    if (chain?.latest.refreshToken === tokens.refreshToken && tokens.generation > chain.latest.generation) chain.latest = tokens
    return chain
  }

  /** These tokens lead to the chain from now on. */
  remember (tokens: RenewableTokens, chain: RefreshChain): void {
    this.#chains().set(keyOf(tokens), chain)
  }

  /** These tokens lead to no chain from now on. */
  forget (tokens: RenewableTokens): void {
    this.#chains().delete(keyOf(tokens))
  }
}

const keys = new WeakMap<RenewableTokens, string>()

// A hash, so that the keys of the map are not live refresh tokens.
function keyOf (tokens: RenewableTokens): string {
  const known = keys.get(tokens)
  if (known !== undefined) return known
  const key = hash('sha256', tokens.refreshToken, 'base64url')
  keys.set(tokens, key)
  return key
}
