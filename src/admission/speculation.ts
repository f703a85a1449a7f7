import type { FastifyRequest } from 'fastify'
import { GatewayError } from '../errors.js'

/**
 * Whether the answer may never be seen: HEAD, and what browsers load ahead of a visit or draw a preview of (`Sec-Purpose` of
 * the Fetch standard; `Purpose`, `X-Purpose` and `X-Moz` of older browsers).
 */
export function isSpeculative ({ method, headers }: Pick<FastifyRequest, 'method' | 'headers'>): boolean {
  return method === 'HEAD' || purposes.some(name => /prefetch|prerender|preview/i.test(String(headers[name])))
}

const purposes = ['sec-purpose', 'purpose', 'x-purpose', 'x-moz']

/** Raises GW-SPECULATION. For routes that begin, end or use up something, which a speculative request must not do. */
export function refuseSpeculation (request: FastifyRequest): void {
  if (isSpeculative(request)) throw new GatewayError('GW-SPECULATION')
}
