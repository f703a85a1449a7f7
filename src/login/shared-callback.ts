import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { refuseSpeculation } from '../admission/speculation.js'
import { GatewayError } from '../errors.js'
import type { TenantRegistry } from '../tenants/registry.js'
import type { Tenant } from '../tenants/tenant.js'
import { tenantIn } from './lost-cookie.js'

/**
 * Finds the tenant whose login returns to a shared callback: the state names it, and its `callbackUrl` must be this
 * address. The tenant's own callback then checks the state against the sealed cookie of the login, so a forged state
 * has no effect.
 */
export function findOwner (registry: TenantRegistry, address: string, state: string): Tenant | undefined {
  const name = tenantIn(state)
  const tenant = name === undefined ? undefined : registry.named(name)
  return tenant?.options.callbackUrl?.href === address ? tenant : undefined
}

/** Redirects to the callback of the login's own tenant: the browser keeps the login's cookie under that host. */
export function goOn (request: FastifyRequest, reply: FastifyReply, { home }: Tenant): FastifyReply {
  const { search } = new URL(request.raw.url as string, 'http://localhost')
  return reply.headers({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' }).redirect(`${home}login/callback${search}`, 303)
}

/** The callback that several tenants share, at an address that belongs to none of them. */
export const sharedCallbackRoute: FastifyPluginAsync<{ registry: TenantRegistry }> = async (app, { registry }) => {
  app.get('/*', async (request, reply) => {
    refuseSpeculation(request)
    const { state = '' } = request.query as { state?: unknown }
    const owner = findOwner(registry, registry.sharedCallback(request.raw) as string, String(state))
    if (owner === undefined) throw new GatewayError('GW-LOGIN-STATE')
    return goOn(request, reply, owner)
  })
}
