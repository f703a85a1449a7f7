import type { GatewayOptions } from './gateway-options.js'
import type { TenantOptions } from './tenant-options.js'

/**
 * What a host application passes to the plugin for several tenants: each has its own name and public URL, and the other options of a tenant
 * where they differ from those given here for all.
 */
export type SeveralTenantsOptions = Partial<Omit<GatewayOptions, 'name' | 'publicUrl'>> & {
  /** The tenants, or what `createTenants()` made of them, by which they can be changed later. */
  tenants: readonly TenantOptions[] | GatewayTenants
}

/** The tenants of one gateway, which can be added and removed while it runs. */
export class GatewayTenants {
  #entries: readonly TenantOptions[]
  #serve: (entries: readonly TenantOptions[]) => void = () => {}

  constructor (entries: readonly TenantOptions[]) {
    this.#entries = entries
  }

  /** Those that are served. */
  get entries (): readonly TenantOptions[] {
    return this.#entries
  }

  /**
   * Serves these tenants from now on. A tenant whose options are unchanged is not touched; one with the same OAuth
   * client keeps its sessions. Sessions of tenants that are left out end, and their sockets are closed with 4006.
   * Rejects with a ConfigError that names every fault, and changes nothing then.
   */
  async replace (entries: readonly TenantOptions[]): Promise<void> {
    this.#serve(entries)
    this.#entries = entries
  }

  /** Serves one tenant more, as `replace` does. */
  async add (entry: TenantOptions): Promise<void> {
    await this.replace([...this.#entries, entry])
  }

  /** Serves one tenant less, as `replace` does. Nothing happens where there is none of this name. */
  async remove (name: string): Promise<void> {
    await this.replace(this.#entries.filter(entry => entry.name !== name))
  }

  /** Called by the gateway that has got these tenants as its option: `serve` is how they are changed from now on. */
  serveBy (serve: (entries: readonly TenantOptions[]) => void): void {
    this.#serve = serve
  }
}

/** Tenants for the option `tenants` of one gateway. */
export function createTenants (entries: readonly TenantOptions[]): GatewayTenants {
  return new GatewayTenants(entries)
}
