import fp from 'fastify-plugin'
import type { Tenant } from '../tenants/tenant.js'
import type { Handovers } from './handover.js'
import { beginSession } from './begin-session.js'
import { judgePage, sendSession } from './session-answer.js'

export interface HandoverRouteOptions {
  handoversOf: (tenant: Tenant) => Handovers
}

// A sealed session fits into four cookies of 3,900 bytes. The rest is for the verifier and the JSON.
const longestBody = 24_576

/**
 * POST /gateway/handover: exchanges a code and its verifier for a session, as a cookie of the page's own partition. If
 * the page sends a public key, it also gets the session itself, for a browser that keeps no cookie.
 */
export const handoverRoute = fp<HandoverRouteOptions>(async (app, { handoversOf }) => {
  app.post('/gateway/handover', { bodyLimit: longestBody }, async (request, reply) => {
    const { code, verifier, key } = Object(request.body) as { code?: unknown, verifier?: unknown, key?: unknown }
    const page = await judgePage(request, key)
    const session = await beginSession(request, await handoversOf(request.tenant).take(code, verifier, page.origin))
    return sendSession(request, reply, session, page)
  })
}, { name: 'handover', fastify: '5.x', encapsulate: true, dependencies: ['admission', 'session'] })
