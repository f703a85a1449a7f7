import type { FastifyPluginAsync } from 'fastify'
import { Refusal } from '../front/errors.js'
import { addAppRoutes } from './apps.js'
import { addAssistantRoutes } from './assistants.js'
import type { FindCaller } from './bearer.js'
import { dataFiles } from './data-files.js'
import { addGroupRoutes } from './groups.js'
import { addIdentityProviderRoutes } from './identity-providers.js'
import { addIpPolicyRoutes } from './ip-policies.js'
import { addItemRoutes } from './items.js'
import { addOAuthClientRoutes } from './oauth-clients.js'
import { addReportRoutes } from './reports.js'
import type { Resources } from './resources.js'
import { addResumableUploadRoutes } from './resumable-uploads.js'
import { addSpaceRoutes } from './spaces.js'
import { addTempContentRoutes } from './temp-contents.js'
import { addTenantRoutes } from './tenant-facts.js'
import { addUserRoutes } from './users.js'

/** What the API needs besides its resources. */
export interface ApiOptions extends Resources { findCaller: FindCaller }

const routeSets = [
  addUserRoutes,
  addGroupRoutes,
  addItemRoutes,
  addAppRoutes,
  addSpaceRoutes,
  addTenantRoutes,
  addOAuthClientRoutes,
  addIdentityProviderRoutes,
  addIpPolicyRoutes,
  addReportRoutes,
  addTempContentRoutes,
  addResumableUploadRoutes,
  addAssistantRoutes
]

/** The tenant's REST API: every route needs a bearer token and counts against the user's rate. */
export const api: FastifyPluginAsync<ApiOptions> = async (app, options) => {
  const { controls, findCaller } = options
  app.decorateRequest('caller')
  app.addHook('onRequest', async (request, reply) => {
    // Headers that a real tenant adds and that a gateway must not pass on to browsers.
    reply.header('set-cookie', [
      'eas.sid=sandbox-session; Path=/; Secure; HttpOnly; SameSite=None',
      '_csrf=sandbox; Path=/; Secure; HttpOnly'
    ])
    reply.header('strict-transport-security', 'max-age=31536000; includeSubDomains')
    reply.header('x-frame-options', 'DENY')
    request.caller = await findCaller(request.raw)
    controls.apiRate.take(request.caller.id, controls.settings.apiCallsPerMinute)
  })
  // Bodies are streams, whatever their content type.
  app.addContentTypeParser('*', (_request, payload, done) => { done(null, payload) })
  for (const addRoutes of routeSets) addRoutes(app, options)
  await app.register(dataFiles, options)
  app.all('/api/*', async request => {
    throw new Refusal(404, 'HTTP-404', 'Not found', `There is no ${request.method} ${request.url.split('?', 1)[0] ?? ''}.`)
  })
}
