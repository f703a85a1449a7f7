import fp from 'fastify-plugin'
import { GatewayError } from '../errors.js'

/**
 * POST /gateway/ticket: a page that holds its session gets a ticket for one socket or event stream, which can carry no
 * headers. This counts as use of the session and renews its tokens if that is due, so that the ticket and the page have
 * the newest ones.
 */
export const ticketRoute = fp(async app => {
  app.post('/gateway/ticket', async (request, reply) => {
    const session = request.qlikSession
    if (session.issueTicket === undefined) throw new GatewayError('GW-NO-SESSION')
    await request.accessToken()
    return await reply.header('cache-control', 'no-store').send({ ticket: session.issueTicket() })
  })
}, { name: 'ticket', fastify: '5.x', encapsulate: true, dependencies: ['session', 'access-token'] })
