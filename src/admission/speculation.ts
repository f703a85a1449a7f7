import type { FastifyRequest } from 'fastify'
import { GatewayError } from '../errors.js'

/**
 * Whether nobody may see the answer: HEAD, and what browsers load ahead of a visit (`Sec-Purpose`, Fetch standard; `Purpose`, `X-Moz` of older ones).
 */
export function isSpeculative ({ method, headers }: Pick<FastifyRequest, 'method' | 'headers'>): boolean {
  return method === 'HEAD' || [headers['sec-purpose'], headers.purpose, headers['x-moz']].some(purpose => String(purpose).includes('prefetch'))
}

/** Raises GW-SPECULATION where the answer would begin, end or use up something for nobody. */
export function refuseSpeculation (request: FastifyRequest): void {
  if (isSpeculative(request)) throw new GatewayError('GW-SPECULATION')
}
