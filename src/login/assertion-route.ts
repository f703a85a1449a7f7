import type { FastifyPluginAsync } from 'fastify'
import { judgeOrigin } from '../admission/origin.js'
import { GatewayError } from '../errors.js'
import { beginHostSession, type HostSessionOptions } from './host-session.js'

// A statement of many groups; what verifies it takes no longer one.
const longestBody = 20_480

/** POST /gateway/assertion: a page brings a statement of its own server who its user is, and gets a session as a cookie of its own partition. */
export const assertionRoute: FastifyPluginAsync<HostSessionOptions> = async (app, options) => {
  app.post('/gateway/assertion', { bodyLimit: longestBody }, async (request, reply) => {
    const { headers, body, tenant, log } = request
    const { impersonation } = tenant
    // Where the ingress or the application names the user, a page may not.
    if (impersonation === undefined || impersonation.identify !== undefined) throw new GatewayError('GW-NOT-FOUND')
    const verdict = judgeOrigin(headers, tenant.publicOrigin, tenant.embedOrigins)
    if (headers.origin === undefined || verdict === 'foreign') throw new GatewayError('GW-FOREIGN-ORIGIN')
    const { assertion } = Object(body) as { assertion?: unknown }
    await beginHostSession(request, impersonation, await impersonation.takeStatement(assertion, log), options)
    return reply.code(204).send()
  })
}
