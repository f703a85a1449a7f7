import fp from 'fastify-plugin'
import { GatewayError } from '../errors.js'
import { beginHostSession, type HostSessionOptions } from './host-session.js'
import { judgePage, sendSession } from './session-answer.js'

// Enough for a statement with many groups and a key. The verifier accepts no longer one.
const longestBody = 20_480

/**
 * POST /gateway/assertion: a page sends a signed statement from its own server that says who its user is, and gets a
 * session as from /gateway/handover.
 */
export const assertionRoute = fp<HostSessionOptions>(async (app, options) => {
  app.post('/gateway/assertion', { bodyLimit: longestBody }, async (request, reply) => {
    const { impersonation } = request.tenant
    // If the ingress or the application names the user, pages must not.
    if (impersonation === undefined || impersonation.identify !== undefined) throw new GatewayError('GW-NOT-FOUND')
    const { assertion, key } = Object(request.body) as { assertion?: unknown, key?: unknown }
    const page = await judgePage(request, key)
    const user = await impersonation.takeStatement(assertion, request.log)
    return sendSession(request, reply, await beginHostSession(request, impersonation, user, options), page)
  })
}, { name: 'assertion', fastify: '5.x', encapsulate: true, dependencies: ['admission', 'session', 'access-token'] })
