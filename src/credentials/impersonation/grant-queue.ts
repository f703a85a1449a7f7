import { setTimeout as wait } from 'node:timers/promises'
import { TokenFailure } from '../token-failure.js'

export interface GrantQueueOptions {
  now: () => number
  /** How many grants may begin in a window; the tenant's limit for a client, 100, unless set. */
  most?: number
  /** How long the window is; a minute unless set. */
  windowMs?: number
  /** How long a grant may wait for its turn; five seconds unless set. */
  longestWaitMs?: number
}

// What is taken of a tenant's Retry-After.
const longestPauseMs = 300_000

/** Keeps the grants of one client within the tenant's limit: some wait for their turn, and those that would wait for too long fail at once. */
export class GrantQueue {
  readonly #now: () => number
  readonly #most: number
  readonly #windowMs: number
  readonly #longestWaitMs: number
  /** When the newest grants begin, oldest first. */
  #turns: number[] = []
  #pausedUntil = 0

  constructor ({ now, most = 100, windowMs = 60_000, longestWaitMs = 5_000 }: GrantQueueOptions) {
    this.#now = now
    this.#most = most
    this.#windowMs = windowMs
    this.#longestWaitMs = longestWaitMs
  }

  /** Runs a grant in its turn. Raises TokenFailure, `unavailable` with the seconds until there is a turn. */
  async run<Result> (grant: () => Promise<Result>): Promise<Result> {
    await this.#takeTurn()
    try {
      return await grant()
    } catch (error) {
      // Other replicas use the same client: the tenant counts them all.
      if (error instanceof TokenFailure && error.status === 429) this.#pausedUntil = this.#now() + (error.retryAfterSeconds ?? 1) * 1000
      throw error
    }
  }

  async #takeTurn (): Promise<void> {
    const now = this.#now()
    const turn = this.#nextTurn(now)
    if (turn - now > this.#longestWaitMs) this.#refuse(turn - now)
    this.#turns = [...this.#turns, turn].slice(-this.#most)
    if (turn === now) return
    await wait(turn - now)
    // Told meanwhile by a grant before it.
    const pausedMs = this.#pausedUntil - this.#now()
    if (pausedMs > 0) this.#refuse(pausedMs)
  }

  #nextTurn (now: number): number {
    const oldest = this.#turns.length < this.#most ? undefined : this.#turns[0]
    const turn = Math.max(now, this.#pausedUntil, oldest === undefined ? now : oldest + this.#windowMs)
    if (turn - now <= this.#windowMs + longestPauseMs) return turn
    // More than could be: the clock was set back.
    this.#turns = []
    this.#pausedUntil = 0
    return now
  }

  #refuse (waitMs: number): never {
    throw new TokenFailure('unavailable', { tenantCode: 'GRANTS-LIMITED', retryAfterSeconds: Math.ceil(waitMs / 1000) })
  }
}
