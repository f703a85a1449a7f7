/** Redis as the gateway uses it. Commands have a time limit, and nothing waits for a Redis that cannot be reached. */
export interface Redis {
  /** The prefix of all keys and channels. With several tenants, each has its own. */
  readonly prefix: string
  /** Runs a script. Resolves with undefined if Redis is away or does not answer in time; Redis itself never answers undefined. */
  run: RunScript
  /** Runs a script and ignores its answer. */
  send (script: string, keys: readonly string[], values: readonly string[]): void
  /** Calls `hear` with each message of a channel. Returns a function that unsubscribes. */
  listen (channel: string, hear: (message: string) => void): () => void
  /**
   * Calls `listener` now, if Redis is here, and whenever it comes back, after the subscriptions. Its `run` rejects if a
   * script fails. Returns a function that ends this.
   */
  onArrival (listener: (run: RunScript) => Promise<void>): () => void
  /** Disconnects. Commands under way end as if Redis were away. */
  close: () => void
}

/** Runs a script on these keys with these values. */
export type RunScript = (script: string, keys: readonly string[], values: readonly string[]) => Promise<unknown>
