import { ClientKey } from '../credentials/client-key.js'

/** Options of a tenant that its sessions are counted by, and which therefore hold as long as what is known of them. */
export const settingsThatWait: readonly string[] = ['sessionIdleSeconds', 'sessionMaxSeconds']

/** Whether an option has the same value as before, as a program or a file gave it. */
export function isSameOption (one: unknown, other: unknown): boolean {
  if (one === other) return true
  // What holds its value where JSON does not see it.
  if ([one, other].some(value => typeof value === 'function' || value instanceof ClientKey)) return false
  return JSON.stringify(one) === JSON.stringify(other)
}
