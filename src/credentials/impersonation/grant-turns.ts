/** When the grants of one client may begin. */
export interface GrantTurns {
  /** Takes the next turn, unless it is further away than `longestWaitMs`. Returns how far away it is, in ms. */
  take (longestWaitMs: number): number | Promise<number>
  /** For how long the tenant has asked for no grants, in ms. */
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

// A longer Retry-After of the tenant is cut to this.
const longestPauseMs = 300_000

/** Turns that this process counts by itself. */
export function createOwnTurns (now: () => number, limit: GrantLimit = {}): GrantTurns {
  const { most, windowMs } = { ...grantLimit, ...limit }
  /** When the newest grants begin, oldest first. */
  let turns: number[] = []
  let pausedUntil = 0

  function next (at: number): number {
    const oldest = turns.length < most ? undefined : turns[0]
    const turn = Math.max(at, pausedUntil, oldest === undefined ? at : oldest + windowMs)
    if (turn - at <= windowMs + longestPauseMs) return turn
    // No turn can be so far away, so the clock was set back.
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
