/**
 * Returns a function that picks whole numbers from 0 up to `limit` (exclusive), the same ones on every run:
 * the multiplicative generator of Park and Miller, started from `seed`.
 */
export function createSequence (seed: number): (limit: number) => number {
  let state = seed
  return limit => {
    state = state * 48271 % 2147483647
    return Math.floor(state / 2147483647 * limit)
  }
}

/** Returns the item of a non-empty list at `index`, starting over after the last one. */
export function itemAt<T> (items: readonly T[], index: number): T {
  return items[index % items.length] as T
}
