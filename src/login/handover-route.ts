import type { FastifyPluginAsync } from 'fastify'
import { judgeOrigin } from '../admission/origin.js'
import { GatewayError } from '../errors.js'
import { sealHeld } from '../session/held-session.js'
import { thumbprintOf } from '../session/proof.js'
import type { Tenant } from '../tenants/tenant.js'
import type { Handovers } from './handover.js'
import { beginSession } from './begin-session.js'

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
    const { headers, body, tenant } = request
    const verdict = judgeOrigin(headers, tenant.publicOrigin, tenant.embedOrigins)
    if (headers.origin === undefined || headers.origin === 'null' || verdict === 'foreign') throw new GatewayError('GW-FOREIGN-ORIGIN')
    const { code, verifier, key } = Object(body) as { code?: unknown, verifier?: unknown, key?: unknown }
    const { sessions } = tenant
    const mayHold = key !== undefined && sessions.holders?.origins.has(headers.origin) === true
    // Before the code is taken, which works once.
    const thumbprint = mayHold ? await thumbprintOf(key) : undefined
    if (mayHold && thumbprint === undefined) throw new GatewayError('GW-HANDOVER')
    const session = await beginSession(request, await handoversOf(tenant).take(code, verifier, headers.origin))
    if (thumbprint === undefined) return reply.code(204).send()
    // The page cannot know yet whether its browser keeps the cookie. Its clock may be wrong, and proofs are dated.
    return { session: sealHeld(sessions, { session, thumbprint, origin: headers.origin }), now: sessions.now() }
  })
}
