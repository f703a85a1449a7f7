import type { Profile } from '../tenants/profile.js'

/** Who may have a session: users by id, subject or e-mail address, and members of groups. One match suffices. */
export interface AllowedUsers {
  users?: readonly string[] | undefined
  groups?: readonly string[] | undefined
}

/** Whether a profile (`GET /api/v1/users/me`) is that of an allowed user. Only e-mail addresses are compared without case. */
export function isAllowedUser ({ id, subject, email, assignedGroups }: Profile, { users = [], groups = [] }: AllowedUsers): boolean {
  const address = typeof email === 'string' ? email.toLowerCase() : undefined
  return users.some(user => user === id || user === subject || user.toLowerCase() === address) ||
    groupNames(assignedGroups).some(name => groups.includes(name))
}

function groupNames (assigned: unknown): string[] {
  if (!Array.isArray(assigned)) return []
  return assigned.map((group: unknown) => (Object(group) as { name?: unknown }).name).filter(name => typeof name === 'string')
}
