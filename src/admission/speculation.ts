import type { FastifyRequest } from 'fastify'
import { GatewayError } from '../errors.js'

/**
 * Whether the answer may never be seen: HEAD, and what browsers load ahead of a visit (`Sec-Purpose` of the Fetch
 * standard; `Purpose` and `X-Moz` of older browsers).
 */
export function isSpeculative ({ method, headers }: Pick<FastifyRequest, 'method' | 'headers'>): boolean {
  const purposes = [headers['sec-purpose'], headers.purpose, headers['x-moz']]
  return method === 'HEAD' || purposes.some(purpose => String(purpose).includes('prefetch'))
}

/** Raises GW-SPECULATION. For routes that begin, end or use up something, which a speculative request must not do. */
export function refuseSpeculation (request: FastifyRequest): void {
  if (isSpeculative(request)) throw new GatewayError('GW-SPECULATION')
}
