import { ClientKey } from '../credentials/client-key.js'

/**
 * Options by which the age of sessions is judged. They are part of what is remembered about sessions, so a change takes
 * effect at the next start.
 */
export const settingsThatWait: readonly string[] = ['sessionIdleSeconds', 'sessionMaxSeconds']

/** Whether an option has the same value as before, whether it comes from a program or from a file. */
export function isSameOption (one: unknown, other: unknown): boolean {
  if (one === other) return true
  // Functions and keys hold values that JSON does not show.
  if ([one, other].some(value => typeof value === 'function' || value instanceof ClientKey)) return false
  return JSON.stringify(one) === JSON.stringify(other)
}
