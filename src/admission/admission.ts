import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { GatewayError } from '../errors.js'
import { onRequestHook, onSendHook } from '../hooks.js'
import type { Tenant } from '../tenants/tenant.js'
import { addCorsHeaders, answerPreflight } from './cors.js'
import { readTarget, type Target } from './target.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** The path and query. They are validated before any other code reads them. */
    target: Target
  }
}

export interface AdmissionOptions {
  /** The tenant that a request is for. Raises an error if there is none. */
  tenantOf: (request: FastifyRequest) => Tenant
  /** Paths below these prefixes need no session. */
  publicPrefixes: readonly string[]
  /** How many headers a request may have. */
  maxHeaders: number
}

/** Finds the tenant, validates the target, and answers the preflights of embedding pages. */
export const admissionPlugin = fp<AdmissionOptions>(async (app, { tenantOf, maxHeaders, publicPrefixes }) => {
  app.decorateRequest('tenant')
  app.decorateRequest('target')
  app.addHook('onRequest', onRequestHook((request, reply) => {
    request.tenant = tenantOf(request)
    if (request.raw.rawHeaders.length > 2 * maxHeaders) throw new GatewayError('GW-TOO-MANY-HEADERS')
    if (!hasOneHost(request.raw.rawHeaders)) throw new GatewayError('GW-BAD-REQUEST')
    request.target = readTarget(request.raw.url as string, request.tenant.basePath)
    // The router decodes a path before it matches routes. An encoded spelling of a route (`/%61pi`) would pass other
    // rules than the path that is forwarded.
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

/** Whether there is one `Host` at most (RFC 9112, section 3.2). Of several, Node takes the first, and a proxy may have taken another. */
function hasOneHost (rawHeaders: readonly string[]): boolean {
  let count = 0
  for (let at = 0; at < rawHeaders.length; at += 2) if (rawHeaders[at]?.length === 4 && rawHeaders[at]?.toLowerCase() === 'host') count++
  return count < 2
}
