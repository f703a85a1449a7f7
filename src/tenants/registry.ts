import type { IncomingMessage } from 'node:http'
import type { FastifyBaseLogger } from 'fastify'
import { GatewayError } from '../errors.js'
import type { CheckedTenant } from '../settings/tenant-options.js'
import type { Redis } from '../replicas/redis.js'
import { createTenant } from './create-tenant.js'
import { isSameOption, settingsThatWait } from './settings-change.js'
import type { Tenant } from './tenant.js'

export interface RegistryOptions {
  /** Whether requests are assigned by host and path. If not, all of them are for the only tenant. */
  several: boolean
  redis: Redis | undefined
  log: FastifyBaseLogger
}

type Entry = CheckedTenant & { tenant: Tenant }

/**
 * The tenants of a gateway, found by the public address that a request is sent to. Tenants can be added, changed and
 * removed.
 */
export class TenantRegistry {
  readonly #options: RegistryOptions
  #entries: readonly Entry[] = []
  /** Tenants by the values that `Host` may have, those with the longest path first. */
  #byHost: ReadonlyMap<string, readonly Tenant[]> = new Map()
  /** Callbacks that tenants share, by `Host` and path. */
  #callbacks: ReadonlyMap<string, string> = new Map()
  /**
   * Tenants that are no longer served, whose answers may still be under way. Their connections close when they are
   * idle.
   */
  #retired: WeakRef<Tenant>[] = []

  constructor (options: RegistryOptions) {
    this.#options = options
  }

  get all (): readonly Tenant[] {
    return this.#entries.map(({ tenant }) => tenant)
  }

  /** The only tenant of a gateway that was made for one. */
  get only (): Tenant | undefined {
    return this.#options.several ? undefined : this.#entries[0]?.tenant
  }

  /** Finds a tenant by its name. */
  named (name: string): Tenant | undefined {
    return this.all.find(tenant => tenant.name === name)
  }

  /** Returns the address of a shared callback, if that is what the request asks for and no tenant is mounted there. */
  sharedCallback (raw: IncomingMessage): string | undefined {
    if (this.#callbacks.size === 0) return undefined
    const address = this.#callbacks.get(String(raw.headers.host).toLowerCase() + String(raw.url).split('?', 1)[0])
    return address === undefined || this.find(raw) !== undefined ? undefined : address
  }

  /** Finds the tenant that a request is for. */
  find (raw: IncomingMessage): Tenant | undefined {
    if (!this.#options.several) return this.#entries[0]?.tenant
    const [path = ''] = String(raw.url).split('?', 1)
    return this.at(raw.headers.host).find(({ basePath }) => (
      path.startsWith(basePath) && (path.length === basePath.length || path[basePath.length] === '/')
    ))
  }

  /** Like `find`, but raises GW-UNKNOWN-HOST, or GW-NOT-FOUND if only the path belongs to no tenant. */
  require (raw: IncomingMessage): Tenant {
    const tenant = this.find(raw)
    if (tenant !== undefined) return tenant
    throw new GatewayError(this.at(raw.headers.host).length === 0 ? 'GW-UNKNOWN-HOST' : 'GW-NOT-FOUND')
  }

  /** Finds the tenants that are mounted at a host name, which includes its port. */
  at (host: string | undefined): readonly Tenant[] {
    if (!this.#options.several) return this.all
    return this.#byHost.get(String(host).toLowerCase()) ?? []
  }

  /**
   * Serves exactly these tenants from now on. A tenant with unchanged settings is kept. A changed one keeps its
   * sessions if its OAuth client is the same, and the sessions of a removed one end. Requests under way continue.
   */
  replace (next: readonly CheckedTenant[]): void {
    const { redis, log } = this.#options
    const before = new Map(this.#entries.map(entry => [entry.config.name, entry]))
    const entries: Entry[] = []
    const isStart = this.#entries.length === 0
    for (const { given, config } of next) {
      const previous = before.get(config.name)
      const changed = previous === undefined ? [] : changedOptions(previous.given, given)
      if (previous !== undefined && changed.length === 0) {
        entries.push(previous)
        continue
      }
      const tenant = createTenant(config, { log, redis, previous: previous?.tenant })
      if (this.#options.several && previous === undefined) config.signals.emit('tenantServed', String(config.name))
      entries.push({ given, config, tenant })
      if (previous === undefined) {
        if (!isStart) log.info({ tenant: config.name, publicUrl: config.publicUrl.href }, 'a tenant has come')
        continue
      }
      const sessions = previous.tenant.memory === tenant.memory ? 'kept' : 'ended'
      log.info({ tenant: config.name, changed, sessions }, 'the settings of a tenant have changed')
      const waiting = settingsThatWait.filter(option => changed.includes(option))
      if (sessions === 'kept' && waiting.length > 0) {
        log.warn({ tenant: config.name, waiting }, 'some of them take effect at the next start')
      }
    }
    const left = this.#entries.filter(({ tenant }) => !entries.some(entry => entry.tenant === tenant))
    this.#entries = entries
    this.#byHost = groupByHost(this.all)
    this.#callbacks = listCallbacks(this.all)
    for (const { config, tenant } of left) {
      if (!entries.some(entry => entry.config.name === config.name)) {
        log.info({ tenant: config.name }, 'a tenant has gone: its sessions are over')
      }
      this.#retire(tenant)
    }
  }

  #retire (tenant: Tenant): void {
    tenant.retire()
    this.#retired = [...this.#retired.filter(ref => ref.deref() !== undefined), new WeakRef(tenant)]
    if (this.#entries.some(entry => entry.tenant.memory === tenant.memory)) return
    const { log } = this.#options
    for (const sessionId of tenant.memory.ended.endAll()) {
      tenant.signals.emit('session', { event: 'session-ended', reason: 'tenant-gone', sessionId, subject: undefined, log })
    }
    tenant.memory.close()
  }

  async close (): Promise<void> {
    const retired = this.#retired.map(ref => ref.deref()).filter(tenant => tenant !== undefined)
    await Promise.all(this.all.map(async ({ memory }) => await memory.settled()))
    for (const { memory } of this.all) memory.close()
    this.#options.redis?.close()
    await Promise.all([...this.all, ...retired].map(async tenant => { await tenant.close() }))
  }
}

function changedOptions (before: CheckedTenant['given'], after: CheckedTenant['given']): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(option => !isSameOption(before[option], after[option]))
}

function groupByHost (tenants: readonly Tenant[]): ReadonlyMap<string, readonly Tenant[]> {
  const hosts = new Map<string, Tenant[]>()
  for (const tenant of tenants.toSorted((one, other) => other.basePath.length - one.basePath.length)) {
    for (const spelling of spellingsOf(tenant.publicUrl)) hosts.set(spelling, [...hosts.get(spelling) ?? [], tenant])
  }
  return hosts
}

function listCallbacks (tenants: readonly Tenant[]): ReadonlyMap<string, string> {
  const shared = tenants.flatMap(({ options: { callbackUrl } }) => callbackUrl ?? [])
  return new Map(shared.flatMap(url => spellingsOf(url).map((host): [string, string] => [host + url.pathname, url.href])))
}

/** Lists what `Host` may contain for an address: some clients and proxies add the default port of the scheme. */
function spellingsOf ({ host, port, protocol }: URL): string[] {
  return port === '' ? [host, `${host}:${protocol === 'https:' ? 443 : 80}`] : [host]
}
