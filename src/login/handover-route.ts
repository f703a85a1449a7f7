import type { FastifyPluginAsync } from 'fastify'
import { judgeOrigin } from '../admission/origin.js'
import { GatewayError } from '../errors.js'
import type { Handovers } from './handover.js'
import type { BeginSession } from './login.js'

export interface HandoverRouteOptions {
  handovers: Handovers
  beginSession: BeginSession
  publicOrigin: string
  embedOrigins: ReadonlySet<string>
}

// A sealed session fits into four cookies of 3,900 bytes; the rest is the verifier and the JSON around them.
const longestBody = 24_576

/** POST /gateway/handover: a page gives a code and its verifier, and gets the session as a cookie of its own partition. */
export const handoverRoute: FastifyPluginAsync<HandoverRouteOptions> = async (app, { handovers, beginSession, publicOrigin, embedOrigins }) => {
  app.post('/gateway/handover', { bodyLimit: longestBody }, async (request, reply) => {
    const { headers, body } = request
    const proof = judgeOrigin(headers, publicOrigin, embedOrigins)
    if (headers.origin === undefined || proof === 'foreign') throw new GatewayError('GW-FOREIGN-ORIGIN')
    const { code, verifier } = Object(body) as { code?: unknown, verifier?: unknown }
    beginSession(request, await handovers.take(code, verifier, headers.origin))
    return reply.code(204).send()
  })
}
