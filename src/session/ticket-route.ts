import type { FastifyPluginAsync } from 'fastify'
import { GatewayError } from '../errors.js'

/**
 * POST /gateway/ticket: a page that holds its session gets a ticket for one socket or one stream of events, which can carry no headers. It
 * counts as use of the session, whose tokens are renewed where that is due: a page learns by this what its other calls renewed.
 */
export const ticketRoute: FastifyPluginAsync = async app => {
  app.post('/gateway/ticket', async (request, reply) => {
    const session = request.qlikSession
    if (session.issueTicket === undefined) throw new GatewayError('GW-NO-SESSION')
    await request.accessToken()
    return await reply.header('cache-control', 'no-store').send({ ticket: session.issueTicket() })
  })
}
