import type { FastifyReply, FastifyRequest } from 'fastify'
import { parseUrl } from '../url.js'
import { ticketParameter } from './ticket.js'

/**
 * Adds a ticket to the address of a redirect to the gateway, for a page that holds its session. A browser that follows the redirect repeats
 * the headers of the request, whose proof has been used by then.
 */
export function addTicket ({ qlikSession, tenant }: FastifyRequest, reply: FastifyReply): void {
  const location = reply.getHeader('location')
  if (typeof location !== 'string' || parseUrl(location, tenant.home)?.origin !== tenant.publicOrigin) return
  const ticket = qlikSession.peek() === undefined ? undefined : qlikSession.issueTicket?.()
  if (ticket === undefined) return
  const [address = '', fragment] = location.split('#', 2)
  const parameter = `${address.includes('?') ? '&' : '?'}${ticketParameter}=${ticket}`
  reply.header('location', address + parameter + (fragment === undefined ? '' : `#${fragment}`))
  reply.header('cache-control', 'no-store')
}
