import type { FastifyPluginAsync } from 'fastify'
import type { Controls } from '../controls.js'
import { addItemRoutes } from './items.js'
import type { FindCaller } from './bearer.js'
import type { Resources } from './resources.js'
import { addSpaceRoutes } from './spaces.js'
import { addUserRoutes } from './users.js'

/** What the API needs beside its resources. */
export interface ApiOptions extends Resources { controls: Controls, findCaller: FindCaller }

/** The tenant's REST API: every route needs a bearer token and counts against the user's rate. */
export const api: FastifyPluginAsync<ApiOptions> = async (app, options) => {
  const { controls, findCaller } = options
  app.decorateRequest('caller')
  app.addHook('onRequest', async (request, reply) => {
    request.caller = await findCaller(request.raw)
    controls.apiRate.take(request.caller.id, controls.settings.apiCallsPerMinute)
    // What a real tenant sends beside its answers and a gateway must keep from browsers.
    reply.header('set-cookie', ['eas.sid=sandbox-session; Path=/; Secure; HttpOnly; SameSite=None', '_csrf=sandbox; Path=/; Secure; HttpOnly'])
    reply.header('strict-transport-security', 'max-age=31536000; includeSubDomains')
    reply.header('x-frame-options', 'DENY')
  })
  for (const addRoutes of [addUserRoutes, addItemRoutes, addSpaceRoutes]) addRoutes(app, options)
}
