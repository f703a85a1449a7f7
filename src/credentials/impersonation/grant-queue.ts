import { setTimeout as wait } from 'node:timers/promises'
import { TokenFailure } from '../token-failure.js'
import type { GrantTurns } from './grant-turns.js'

/** How long a grant may wait for its turn. */
export const longestTurnMs = 5_000

/** Keeps the grants of one client within the tenant's limit. Grants wait for their turn; those that would wait too long fail at once. */
export class GrantQueue {
  readonly #turns: GrantTurns
  readonly #longestWaitMs: number

  /** `longestWaitMs`: five seconds unless set. */
  constructor (turns: GrantTurns, longestWaitMs = longestTurnMs) {
    this.#turns = turns
    this.#longestWaitMs = longestWaitMs
  }

  /** Runs a grant in its turn. Raises TokenFailure, `unavailable` with the seconds until there is a turn. */
  async run<Result> (grant: () => Promise<Result>): Promise<Result> {
    await this.#takeTurn()
    try {
      return await grant()
    } catch (error) {
      // The tenant also counts grants of other programs that use the same client.
      if (error instanceof TokenFailure && error.status === 429) this.#turns.pause((error.retryAfterSeconds ?? 1) * 1000)
      throw error
    }
  }

  async #takeTurn (): Promise<void> {
    const waitMs = await this.#turns.take(this.#longestWaitMs)
    if (waitMs > this.#longestWaitMs) refuse(waitMs)
    if (waitMs === 0) return
    await wait(waitMs)
    // An earlier grant may have been refused by the limit meanwhile.
    const pausedMs = await this.#turns.pausedMs()
    if (pausedMs > 0) refuse(pausedMs)
  }
}

function refuse (waitMs: number): never {
  throw new TokenFailure('unavailable', { tenantCode: 'GRANTS-LIMITED', retryAfterSeconds: Math.ceil(waitMs / 1000) })
}
