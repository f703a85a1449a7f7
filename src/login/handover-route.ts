import type { FastifyPluginAsync } from 'fastify'
import { judgeOrigin } from '../admission/origin.js'
import { GatewayError } from '../errors.js'
import type { Tenant } from '../tenants/tenant.js'
import type { Handovers } from './handover.js'
import { beginSession } from './begin-session.js'

export interface HandoverRouteOptions {
  handoversOf: (tenant: Tenant) => Handovers
}

// A sealed session fits into four cookies of 3,900 bytes; the rest is the verifier and the JSON around them.
const longestBody = 24_576

/** POST /gateway/handover: a page gives a code and its verifier, and gets the session as a cookie of its own partition. */
export const handoverRoute: FastifyPluginAsync<HandoverRouteOptions> = async (app, { handoversOf }) => {
  app.post('/gateway/handover', { bodyLimit: longestBody }, async (request, reply) => {
    const { headers, body, tenant } = request
    const verdict = judgeOrigin(headers, tenant.publicOrigin, tenant.embedOrigins)
    if (headers.origin === undefined || headers.origin === 'null' || verdict === 'foreign') throw new GatewayError('GW-FOREIGN-ORIGIN')
    const { code, verifier } = Object(body) as { code?: unknown, verifier?: unknown }
    await beginSession(request, await handoversOf(tenant).take(code, verifier, headers.origin))
    return reply.code(204).send()
  })
}
