import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { GatewayError } from '../errors.js'
import { onRequestHook, onSendHook } from '../hooks.js'
import type { Tenant } from '../tenants/tenant.js'
import { addCorsHeaders, answerPreflight } from './cors.js'
import { readTarget, type Target } from './target.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** The path and query, judged before anything else. */
    target: Target
  }
}

export interface AdmissionOptions {
  /** Whom a request is for. Raises an error where it is for nobody. */
  tenantOf: (request: FastifyRequest) => Tenant
  /** Below these prefixes everybody may read, without credentials. */
  publicPrefixes: readonly string[]
  /** How many headers a request may have. */
  maxHeaders: number
}

/** Judges every request's target first and answers the preflights of embedding pages. */
export const admissionPlugin = fp<AdmissionOptions>(async (app, { tenantOf, maxHeaders, publicPrefixes }) => {
  app.decorateRequest('tenant')
  app.decorateRequest('target')
  app.addHook('onRequest', onRequestHook((request, reply) => {
    request.tenant = tenantOf(request)
    if (request.raw.rawHeaders.length > 2 * maxHeaders) throw new GatewayError('GW-TOO-MANY-HEADERS')
    if (!hasOneHost(request.raw.rawHeaders)) throw new GatewayError('GW-BAD-REQUEST')
    request.target = readTarget(request.raw.url as string, request.tenant.basePath)
    // The router decodes before it matches: an encoded spelling of a route would be forwarded as it is, and judged as another.
    const route = request.routeOptions.url?.slice(app.prefix.length).replace('*', '') ?? ''
    if (!request.target.path.startsWith(route)) throw new GatewayError('GW-NOT-FOUND')
    return answerPreflight(request, reply, publicPrefixes)
  }))
  app.addHook('onSend', onSendHook((request, reply) => {
    // A hook of the host application may have answered before the gateway saw the request.
    const tenant = request.tenant as Tenant | undefined
    if (tenant !== undefined) addCorsHeaders(request, reply, publicPrefixes)
  }))
}, { name: 'admission', fastify: '5.x' })

/** RFC 9112, section 3.2. Node takes the first of several, and whoever stands before may have taken another. */
function hasOneHost (rawHeaders: readonly string[]): boolean {
  let count = 0
  for (let at = 0; at < rawHeaders.length; at += 2) if (rawHeaders[at]?.length === 4 && rawHeaders[at]?.toLowerCase() === 'host') count++
  return count < 2
}
