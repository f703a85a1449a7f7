import type { Tenant } from './tenant.js'

/** Makes something for each tenant when it is first needed, and lets it be collected together with the tenant. */
export function perTenant<Part> (create: (tenant: Tenant) => Part): (tenant: Tenant) => Part {
  const parts = new WeakMap<Tenant, Part>()
  return tenant => {
    const known = parts.get(tenant)
    if (known !== undefined) return known
    const part = create(tenant)
    parts.set(tenant, part)
    return part
  }
}
