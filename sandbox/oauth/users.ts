import { createHash } from 'node:crypto'
import { identities } from '../identities.js'

/** A user of the tenant. */
export interface User {
  id: string
  subject: string
  name: string
  email: string
  locale: string
  groups: string[]
  createdAt: string
  lastUpdatedAt: string
}

/** What the identity provider says of somebody who has signed in. */
export interface UserClaims { sub: string, name: string, email: string, locale: string, groups: string[] }

/** The tenant's users. As in a real tenant, somebody becomes one at the first login, from the claims of the identity provider. */
export class UserDirectory {
  readonly #users = new Map<string, User>()
  readonly #disabled = new Set<string>()

  /** Creates or updates the user of these claims. */
  signIn (claims: UserClaims): User {
    const { sub: subject, ...rest } = claims
    const id = identities.find(identity => identity.subject === subject)?.id ?? createHash('sha256').update(subject).digest('hex').slice(0, 24)
    const now = new Date().toISOString()
    const user = { ...rest, id, subject, createdAt: this.#users.get(id)?.createdAt ?? now, lastUpdatedAt: now }
    this.#users.set(id, user)
    return user
  }

  get (id: string): User | undefined {
    return this.#users.get(id)
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
}
