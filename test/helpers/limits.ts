import { mock } from 'node:test'
import type { Test } from 'tap'

/** Lets the time limits that begin from now on pass when the test says so. */
export function turnLimits (t: Test): { pass: (seconds: number) => void } {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => { mock.timers.reset() })
  return { pass: seconds => { mock.timers.tick(seconds * 1000) } }
}
