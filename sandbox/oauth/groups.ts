import { createHash } from 'node:crypto'

/** Groups of the identity provider come with its users. Custom groups are created and assigned through the API. */
export type ProviderType = 'idp' | 'custom'

/** A group of the tenant. */
export interface Group { id: string, name: string, status: string, providerType: ProviderType, createdAt: string }

/** The tenant's groups. A custom group may have the same name as one of the identity provider. */
export class GroupDirectory {
  readonly #groups = new Map<string, Group>()

  /** Creates a group, or returns undefined if it exists. */
  create (name: string, providerType: ProviderType): Group | undefined {
    return this.get(name, providerType) === undefined ? this.ensure(name, providerType) : undefined
  }

  /** Returns the group, which is created if necessary. */
  ensure (name: string, providerType: ProviderType): Group {
    const key = `${providerType} ${name}`
    const known = this.#groups.get(key)
    if (known !== undefined) return known
    const id = createHash('sha256').update(key).digest('hex').slice(0, 24)
    const group = { id, name, status: 'active', providerType, createdAt: new Date().toISOString() }
    this.#groups.set(key, group)
    return group
  }

  get (name: string, providerType: ProviderType): Group | undefined {
    return this.#groups.get(`${providerType} ${name}`)
  }

  list (): Group[] {
    return [...this.#groups.values()]
  }
}
