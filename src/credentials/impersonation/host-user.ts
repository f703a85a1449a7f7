import { createHash } from 'node:crypto'
import { z } from 'zod'

/** A user as the host application knows them. */
export interface HostUser {
  /** Who it is at the tenant: the subject, or the user id where `identityLookup` says so. */
  subject: string
  name?: string | undefined
  email?: string | undefined
  /** Names of groups; without any the user's groups at the tenant are left alone. */
  groups?: readonly string[] | undefined
}

// Control characters have no place in names, and would let one line of a log look like two.
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const line = z.string().min(1).max(255).regex(/^[^\u0000-\u001f\u007f-\u009f]+$/)

const hostUser = z.object({
  subject: line,
  name: line.optional(),
  email: line.optional(),
  groups: z.array(line).max(500).optional()
})

/** The user in a value from outside; undefined for anything that is none. What it holds besides is dropped. */
export function readHostUser (value: unknown): HostUser | undefined {
  return hostUser.safeParse(value).data
}

/** A hash of all that is said of a user: the order of the groups makes no difference. */
export function hashStatement ({ subject, name, email, groups }: HostUser): string {
  return createHash('sha256').update(JSON.stringify([subject, name, email, groups === undefined ? null : [...new Set(groups)].sort()])).digest('base64url')
}
