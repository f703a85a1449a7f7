import { LRUCache } from 'lru-cache'
import { atMost } from '../../lru.js'
import { readRetryAfter } from '../token-failure.js'
import { refuseAnswer, type Administrator } from './administrator.js'
import { hashStatement, type HostUser } from './host-user.js'

interface TenantUser { id: string, subject: string, assignedGroups?: { name: string, providerType: string }[] }

const mostRemembered = 20_000
const rememberedMs = 3_600_000
const custom = 'custom'

/**
 * Creates users whom the tenant does not know, creates groups, and replaces the user's assigned groups by those of the
 * statement. Groups of an identity provider stay. Another replica may do each of these steps at the same time.
 */
export class Provisioning {
  readonly #administrator: Administrator
  readonly #now: () => number
  /** The last provisioning of each user, which may be under way. */
  readonly #done = new LRUCache<string, { statement: string, work: Promise<boolean> }>({ ...atMost(mostRemembered), ttl: rememberedMs })
  readonly #groups = new LRUCache<string, true>({ ...atMost(mostRemembered), ttl: rememberedMs })

  constructor (administrator: Administrator, now: () => number) {
    this.#administrator = administrator
    this.#now = now
  }

  /**
   * Provisions a user, once for each statement. Returns `before` if that was done earlier. Raises TokenFailure, and what `fetch` raises.
   */
  async provision (user: HostUser): Promise<'changed' | 'unchanged' | 'before'> {
    const statement = hashStatement(user)
    const before = this.#done.get(user.subject)
    if (before?.statement === statement) {
      await before.work
      return 'before'
    }
    // One after another, so that of two statements the later one prevails.
    const work = (before?.work ?? Promise.resolve(false)).catch(() => {}).then(async () => await this.#bring(user))
    const entry = { statement, work }
    this.#done.set(user.subject, entry)
    try {
      return await work ? 'changed' : 'unchanged'
    } catch (error) {
      if (this.#done.get(user.subject) === entry) this.#done.delete(user.subject)
      throw error
    }
  }

  /** Has the user provisioned again with the next statement. */
  forget (subject: string): void {
    this.#done.delete(subject)
  }

  /** Looks for a user and a group of this name, as `provision` does. Changes nothing, and raises the same. */
  async probe (name: string): Promise<void> {
    await this.#find(name)
    await this.#read('/api/v1/groups', 'name', name)
  }

  /** Resolves with whether there was anything to do. */
  async #bring (user: HostUser): Promise<boolean> {
    const found = await this.#find(user.subject)
    const known = found ?? await this.#create(user)
    const { groups } = user
    if (groups === undefined || isAssigned(known, groups)) return found === undefined
    await this.#assign(known.id, groups)
    return true
  }

  async #find (subject: string): Promise<TenantUser | undefined> {
    // Filters ignore case, so a user that is found may be another one.
    return (await this.#read<TenantUser>('/api/v1/users', 'subject', subject)).find(user => user.subject === subject)
  }

  async #create ({ subject, name = subject, email }: HostUser): Promise<TenantUser> {
    const user = { subject, name, ...(email === undefined ? {} : { email }) }
    const { status, body, retryAfter } = await this.#administrator.call('POST', '/api/v1/users', user)
    if (status === 201) return body as TenantUser
    // Another replica was faster.
    const known = status === 409 ? await this.#find(subject) : undefined
    return known ?? this.#refuse(status, retryAfter)
  }

  async #assign (id: string, names: readonly string[]): Promise<void> {
    const assign = async () => {
      for (const name of names) await this.#createGroup(name)
      return await this.#administrator.call('PATCH', `/api/v1/users/${encodeURIComponent(id)}`, [
        { op: 'replace', path: '/assignedGroups', value: names.map(name => ({ name, providerType: custom })) }
      ])
    }
    let answer = await assign()
    if (answer.status === 207) {
      // Only some groups were assigned. One that was remembered may have been deleted.
      for (const name of names) this.#groups.delete(name)
      answer = await assign()
    }
    if (answer.status !== 204 && answer.status !== 200) this.#refuse(answer.status, answer.retryAfter)
  }

  async #createGroup (name: string): Promise<void> {
    if (this.#groups.has(name)) return
    const group = { name, status: 'active', providerType: custom }
    const { status, retryAfter } = await this.#administrator.call('POST', '/api/v1/groups', group)
    if (status !== 201 && status !== 409) this.#refuse(status, retryAfter)
    this.#groups.set(name, true)
  }

  async #read<Item> (path: string, field: string, value: string): Promise<Item[]> {
    const filter = `${field} eq "${value.replace(/["\\]/g, '\\$&')}"`
    const { status, body, retryAfter } = await this.#administrator.call('GET', `${path}?filter=${encodeURIComponent(filter)}&limit=100`)
    const { data } = Object(body) as { data?: unknown }
    return status === 200 && Array.isArray(data) ? data as Item[] : this.#refuse(status, retryAfter)
  }

  #refuse (status: number, retryAfter: string | null): never {
    refuseAnswer(status, readRetryAfter(retryAfter, this.#now()))
  }
}

function isAssigned (user: TenantUser, wanted: readonly string[]): boolean {
  const assigned = new Set((user.assignedGroups ?? []).filter(({ providerType }) => providerType === custom).map(({ name }) => name))
  const names = new Set(wanted)
  return names.size === assigned.size && [...names].every(name => assigned.has(name))
}
