/** The results of one run of load. */
export interface LoadResult {
  /** The number of answers whose status and every byte were right. */
  right: number
  wrong: number
  seconds: number
  /** The duration of each right answer, in ms. */
  latencies: number[]
}

/** How long a load lasts. */
export interface Duration {
  /**
   * What counts begins after this time, when each connection has had an answer: Node accepts one connection in each turn
   * of its event loop, so the last of many waits for as long as those before it are served. By default all counts.
   */
  warmUpMs?: number
  countedMs: number
  /** Called when what counts begins. */
  begin?: () => void
}

/**
 * Returns a function that is called after each answer, with the connection that it came over, and tells whether the load
 * ends. It empties the result when the warm-up is over; wrong answers are kept.
 */
export function startClock (result: LoadResult, connections: number, { warmUpMs = 0, countedMs, begin = () => {} }: Duration) {
  const answered = new Set<object>()
  let counting = warmUpMs === 0
  let startedAt = performance.now()
  if (counting) begin()
  return (connection: object, now: number): boolean => {
    if (!counting) {
      answered.add(connection)
      if (now - startedAt < warmUpMs || answered.size < connections) return false
      counting = true
      startedAt = now
      Object.assign(result, { right: 0, latencies: [] })
      begin()
    }
    result.seconds = (now - startedAt) / 1000
    return now - startedAt >= countedMs
  }
}
