import { createHash } from 'node:crypto'
import { z } from 'zod'

/** A user as the host application knows them. */
export interface HostUser {
  /** The user at the tenant: the subject, or the user id if `identityLookup` is `userId`. */
  subject: string
  name?: string | undefined
  email?: string | undefined
  /** Names of groups. If this is absent, the user's groups at the tenant stay as they are. */
  groups?: readonly string[] | undefined
}

// Names have no control characters, which could make one line of a log look like two.
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const line = z.string().min(1).max(255).regex(/^[^\u0000-\u001f\u007f-\u009f]+$/)

const hostUser = z.object({
  subject: line,
  name: line.optional(),
  email: line.optional(),
  groups: z.array(line).max(500).optional()
})

/** Reads a user from a value of the host application; undefined if it is not valid. Unknown members are dropped. */
export function readHostUser (value: unknown): HostUser | undefined {
  return hostUser.safeParse(value).data
}

/** A hash of everything that is said of a user. The order of groups does not matter. */
export function hashStatement ({ subject, name, email, groups }: HostUser): string {
  const said = [subject, name, email, groups === undefined ? null : [...new Set(groups)].sort()]
  return createHash('sha256').update(JSON.stringify(said)).digest('base64url')
}
