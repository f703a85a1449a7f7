import type { Test } from 'tap'

/** Stops the clock by which durations are measured; it stands at `ms` until the test turns it. */
export function stopMonotonic (t: Test): { ms: number } {
  const now = performance.now.bind(performance)
  const clock = { ms: now() }
  performance.now = () => clock.ms
  t.teardown(() => { performance.now = now })
  return clock
}
