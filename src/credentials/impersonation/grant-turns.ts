/** When the grants of one client may begin. */
export interface GrantTurns {
  /** Takes the next turn, unless it is further away than `longestWaitMs`. The answer is how far it is, in ms. */
  take (longestWaitMs: number): number | Promise<number>
  /** How long the tenant wants no grants, in ms. */
  pausedMs (): number | Promise<number>
  /** Stops all grants for so long. */
  pause (forMs: number): void
}

/** The tenant's limit for a client, unless set: 100 in a minute. */
export interface GrantLimit {
  most?: number
  windowMs?: number
}

export const grantLimit = { most: 100, windowMs: 60_000 }

// What is taken of a tenant's Retry-After.
const longestPauseMs = 300_000

/** Turns that this process counts by itself. */
export function createOwnTurns (now: () => number, { most = grantLimit.most, windowMs = grantLimit.windowMs }: GrantLimit = {}): GrantTurns {
  /** When the newest grants begin, oldest first. */
  let turns: number[] = []
  let pausedUntil = 0

  function next (at: number): number {
    const oldest = turns.length < most ? undefined : turns[0]
    const turn = Math.max(at, pausedUntil, oldest === undefined ? at : oldest + windowMs)
    if (turn - at <= windowMs + longestPauseMs) return turn
    // More than could be: the clock was set back.
    turns = []
    pausedUntil = 0
    return at
  }

  return {
    take (longestWaitMs) {
      const at = now()
      const turn = next(at)
      if (turn - at <= longestWaitMs) turns = [...turns, turn].slice(-most)
      return turn - at
    },
    pausedMs: () => Math.max(0, pausedUntil - now()),
    pause (forMs) { pausedUntil = now() + forMs }
  }
}
