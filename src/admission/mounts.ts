import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import type { IncomingMessage } from 'node:http'
import type { TenantRegistry } from '../tenants/registry.js'
import { deepestPath } from '../settings/tenant-options.js'

interface MountedRoutes { routes: FastifyPluginAsync, callback: FastifyPluginAsync }

/** Which of the registered routes serve a request: those for so many segments of path, or the shared callback. */
type Place = number | 'callback'

let mounted = 0

/**
 * Registers the routes below the path of the only tenant. Several tenants come and go, which routes cannot. So the
 * routes are registered once for each number of segments that the path of a tenant may have, and a constraint of the
 * router chooses those of the tenant that a request is for. `callback` registers the route of the callbacks that
 * tenants share.
 */
export async function mountRoutes (app: FastifyInstance, registry: TenantRegistry, { routes, callback }: MountedRoutes): Promise<void> {
  if (registry.only !== undefined) {
    await app.register(routes, { prefix: registry.only.basePath })
    return
  }
  // Each gateway of an application needs its own. The router generates code with it, so it must be an identifier.
  const name = `qlikEmbedGateway${mounted++}`
  app.addConstraintStrategy({
    name,
    storage: createStorage,
    deriveConstraint (raw: IncomingMessage): Place | undefined {
      return registry.sharedCallback(raw) !== undefined ? 'callback' : depthOf(registry.find(raw)?.basePath)
    },
    mustMatchWhenDerived: false
  })
  const mount = async (plugin: FastifyPluginAsync, place: Place, prefix: string) => {
    await app.register(async scope => {
      scope.addHook('onRoute', route => { route.constraints = { ...route.constraints, [name]: place } })
      await scope.register(plugin)
    }, { prefix })
  }
  for (let depth = 0; depth <= deepestPath; depth++) {
    await mount(routes, depth, Array.from({ length: depth }, (_, at) => `/:path${at}`).join(''))
  }
  await mount(callback, 'callback', '')
}

/** The router keeps the handlers of one route in this. */
function createStorage<Handler> () {
  const handlers = new Map<Place, Handler>()
  return {
    get: (place: Place) => handlers.get(place) ?? null,
    set: (place: Place, handler: Handler) => { handlers.set(place, handler) }
  }
}

/** The number of segments of a path without a slash at its end. */
function depthOf (path: string | undefined): number | undefined {
  return path === undefined ? undefined : path.split('/').length - 1
}
