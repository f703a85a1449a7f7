import type { FastifyPluginAsync } from 'fastify'
import type { Tenant } from '../tenants/tenant.js'
import type { Handovers } from './handover.js'
import { beginSession } from './begin-session.js'
import { judgePage, sendSession } from './session-answer.js'

export interface HandoverRouteOptions {
  handoversOf: (tenant: Tenant) => Handovers
}

// A sealed session fits into four cookies of 3,900 bytes; the rest is the verifier and the JSON around them.
const longestBody = 24_576

/**
 * POST /gateway/handover: a page gives a code and its verifier, and gets the session as a cookie of its own partition; with a public
 * key also for itself, for a browser that keeps no cookie.
 */
export const handoverRoute: FastifyPluginAsync<HandoverRouteOptions> = async (app, { handoversOf }) => {
  app.post('/gateway/handover', { bodyLimit: longestBody }, async (request, reply) => {
    const { code, verifier, key } = Object(request.body) as { code?: unknown, verifier?: unknown, key?: unknown }
    const page = await judgePage(request, key)
    const session = await beginSession(request, await handoversOf(request.tenant).take(code, verifier, page.origin))
    return sendSession(request, reply, session, page)
  })
}
