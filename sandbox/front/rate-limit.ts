import { Refusal } from './errors.js'

/** Counts calls per key in windows of a minute. */
export class RateLimit {
  readonly #windows = new Map<string, { startedAt: number, count: number }>()

  /** Counts a call. Throws a 429 with `Retry-After` if the limit for this minute is exceeded. 0 means no limit. */
  take (key: string, callsPerMinute: number): void {
    if (callsPerMinute === 0) return
    const now = Date.now()
    let window = this.#windows.get(key)
    if (!window || now - window.startedAt >= 60_000) {
      window = { startedAt: now, count: 0 }
      this.#windows.set(key, window)
    }
    if (++window.count > callsPerMinute) {
      const retryAfter = Math.max(1, Math.ceil((window.startedAt + 60_000 - now) / 1000))
      throw new Refusal(429, 'RATE-LIMIT', 'Too many requests', `More than ${callsPerMinute} calls in a minute.`, {
        'retry-after': String(retryAfter)
      })
    }
  }

  clear (): void {
    this.#windows.clear()
  }
}
