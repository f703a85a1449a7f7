import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import type { IncomingMessage } from 'node:http'
import type { TenantRegistry } from '../tenants/registry.js'
import { deepestPath } from '../settings/tenant-options.js'

let mounted = 0

/**
 * Registers routes below the path of the only tenant. Where there are several, tenants come and go and routes cannot: they are registered once
 * for each number of segments that a path may have, and the router takes those of the tenant that it finds by host and path. `callback` has the
 * route of the callbacks that tenants share.
 */
export async function mountRoutes (app: FastifyInstance, registry: TenantRegistry, { routes, callback }: { routes: FastifyPluginAsync, callback: FastifyPluginAsync }): Promise<void> {
  if (registry.only !== undefined) {
    await app.register(routes, { prefix: registry.only.basePath })
    return
  }
  // One for each gateway of an application; the router makes an identifier of it.
  const name = `qlikEmbedGateway${mounted++}`
  app.addConstraintStrategy({
    name,
    storage: createStorage,
    deriveConstraint: (raw: IncomingMessage) => registry.sharedCallback(raw) !== undefined ? 'callback' : depthOf(registry.find(raw)?.basePath),
    mustMatchWhenDerived: false
  })
  const mount = async (plugin: FastifyPluginAsync, place: number | 'callback', prefix: string) => {
    await app.register(async scope => {
      scope.addHook('onRoute', route => { route.constraints = { ...route.constraints, [name]: place } })
      await scope.register(plugin)
    }, { prefix })
  }
  for (let depth = 0; depth <= deepestPath; depth++) await mount(routes, depth, Array.from({ length: depth }, (_, at) => `/:path${at}`).join(''))
  await mount(callback, 'callback', '')
}

/** What the router keeps the handlers of one route in. */
function createStorage<Handler> () {
  const handlers = new Map<number | 'callback', Handler>()
  return { get: (place: number | 'callback') => handlers.get(place) ?? null, set: (place: number | 'callback', handler: Handler) => { handlers.set(place, handler) } }
}

/** How many segments a path has that begins with a slash and ends without one. */
function depthOf (path: string | undefined): number | undefined {
  return path === undefined ? undefined : path.split('/').length - 1
}
