import type { FastifyReply, FastifyRequest } from 'fastify'
import { ticketParameter } from './ticket.js'

/**
 * Lets a browser follow a redirect to the gateway for a page that holds its session: the browser sends the headers of the request again, whose
 * proof has been used by then, so that the address has to bring a ticket.
 */
export function addTicket ({ qlikSession, tenant }: FastifyRequest, reply: FastifyReply): void {
  const location = reply.getHeader('location')
  if (typeof location !== 'string' || !URL.canParse(location, tenant.home) || new URL(location, tenant.home).origin !== tenant.publicOrigin) return
  if (qlikSession.issueTicket === undefined || qlikSession.peek() === undefined) return
  const [address = '', fragment] = location.split('#', 2)
  const ticket = `${address.includes('?') ? '&' : '?'}${ticketParameter}=${qlikSession.issueTicket()}`
  reply.header('location', address + ticket + (fragment === undefined ? '' : `#${fragment}`)).header('cache-control', 'no-store')
}
