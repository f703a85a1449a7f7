import type { Tenant } from '../../sandbox/tenant.js'

/** A way to a gateway, and the cookie of a login there. */
export interface Way {
  origin: string
  cookie: string
  /** Whether something on the way asks for bodies itself (RFC 9110, section 10.1.1), whatever the gateway will answer. */
  saysContinue: boolean
  tenant: Tenant
}
