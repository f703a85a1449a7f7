import { createHash } from 'node:crypto'
import { identities } from '../identities.js'
import { GroupDirectory, type Group } from './groups.js'

/** A user of the tenant. */
export interface User {
  id: string
  subject: string
  name: string
  email: string
  locale: string
  /** The groups that the identity provider listed at the last login. */
  idpGroups: string[]
  /** Custom groups, assigned through the API. */
  customGroups: string[]
  createdAt: string
  lastUpdatedAt: string
}

/** The identity provider's claims about a user who has signed in. */
export interface UserClaims { sub: string, name: string, email: string, locale: string, groups: string[] }

/** The names of all groups of a user. Section access does not distinguish the kinds of groups. */
export function groupNames ({ idpGroups, customGroups }: User): string[] {
  return [...new Set([...idpGroups, ...customGroups])]
}

/** The tenant's users. As in a real tenant, a user is created at the first login or through the API. */
export class UserDirectory {
  readonly groups = new GroupDirectory()
  readonly #users = new Map<string, User>()
  readonly #disabled = new Set<string>()

  /** Creates or updates the user with these claims. */
  signIn ({ sub: subject, groups, ...profile }: UserClaims): User {
    for (const name of groups) this.groups.ensure(name, 'idp')
    const known = this.find('subject', subject) ?? makeUser(subject)
    return this.#save({ ...known, ...profile, idpGroups: groups })
  }

  /** Creates a user who has never signed in. Returns undefined if the subject exists. */
  create (subject: string, profile: { name: string, email?: string, locale?: string }): User | undefined {
    if (this.find('subject', subject) !== undefined) return undefined
    return this.#save({ ...makeUser(subject), ...profile })
  }

  /** Replaces the custom groups of an existing user. */
  assignGroups (id: string, groups: readonly Group[]): User {
    const user = this.#users.get(id)
    if (user === undefined) throw new Error(`There is no user ${id}.`)
    return this.#save({ ...user, customGroups: groups.map(({ name }) => name) })
  }

  get (id: string): User | undefined {
    return this.#users.get(id)
  }

  find (field: 'id' | 'subject', value: string): User | undefined {
    return this.list().find(user => user[field] === value)
  }

  list (): User[] {
    return [...this.#users.values()]
  }

  isDisabled (id: string): boolean {
    return this.#disabled.has(id)
  }

  disable (id: string): void {
    this.#disabled.add(id)
  }

  enable (id: string): void {
    this.#disabled.delete(id)
  }

  enableAll (): void {
    this.#disabled.clear()
  }

  #save (user: User): User {
    const saved = { ...user, lastUpdatedAt: new Date().toISOString() }
    this.#users.set(user.id, saved)
    return saved
  }
}

function makeUser (subject: string): User {
  const known = identities.find(identity => identity.subject === subject)
  const id = known?.id ?? createHash('sha256').update(subject).digest('hex').slice(0, 24)
  const now = new Date().toISOString()
  return { id, subject, name: subject, email: '', locale: 'en-US', idpGroups: [], customGroups: [], createdAt: now, lastUpdatedAt: now }
}
