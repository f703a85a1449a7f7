// @fastify/http-proxy mounts the prefixes: it declares a route for every method and leaves request bodies unread.
// It does nothing else here. A hook answers each request before the plugin's own handler, which parses URLs, pipes streams
// and copies headers: that would cost more than everything else in forwarding (docs/performance.md).

import httpProxy from '@fastify/http-proxy'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { hash } from 'node:crypto'
import type { ConcurrencyLimit } from '../admission/concurrency.js'
import type { RequireTrustedOrigin } from '../admission/trusted-origin.js'
import { isBelow } from '../admission/target.js'
import { GatewayError } from '../errors.js'
import { onRequestHook } from '../hooks.js'
import { perTenant } from '../tenants/per-tenant.js'
import type { Tenant } from '../tenants/tenant.js'
import { ForwardedRequest } from './forwarded-request.js'
import type { SharedCache } from './shared-cache.js'

/** The methods that are forwarded with a session. Without one only GET and HEAD are. */
const forwardedMethods = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'] as const

export interface HttpForwardOptions {
  /** Path prefixes. Each includes everything below it. */
  prefixes: readonly string[]
  /**
   * Set if requests act under a session and carry its token. Then a request that changes something must come from a
   * trusted page.
   */
  requireOrigin?: RequireTrustedOrigin
  /** Limits how many requests may be under way. */
  limitOf: (tenant: Tenant) => ConcurrencyLimit
  /** A cache for all clients. Only for requests without a session. */
  cacheOf?: (tenant: Tenant) => SharedCache
}

/**
 * Forwards HTTP requests below some prefixes to the tenant. Bodies and answers are streamed, and redirects are not
 * followed.
 */
export const httpForward = fp<HttpForwardOptions>(async (app, { prefixes, requireOrigin, limitOf, cacheOf }) => {
  const context = { limitOf, loopNameOf: perTenant(createLoopName), hasSessions: requireOrigin !== undefined, cacheOf }
  // Fastify's default parsers would buffer text/plain up to a limit. Without them the body stays a stream.
  app.removeAllContentTypeParsers()
  app.addHook('onRequest', onRequestHook((request, reply) => {
    if (request.raw.headers['cdn-loop']?.includes(context.loopNameOf(request.tenant)) === true) throw new GatewayError('GW-LOOP')
    passBody(request)
    if (requireOrigin === undefined) demandReading(request, reply)
    else requireOrigin(request)
    return false
  }))

  for (const prefix of prefixes) {
    await app.register(httpProxy, {
      prefix,
      rewritePrefix: prefix,
      // Never used: the hook below answers every request at its own tenant.
      upstream: 'http://localhost',
      httpMethods: [...forwardedMethods],
      config: { forwards: true },
      disableRequestLogging: true,
      preHandler: forward
    })
  }

  /**
   * Works without a promise if a token is at hand. It does not call `done`, which would lead to the plugin's own
   * handler.
   */
  function forward (request: FastifyRequest, reply: FastifyReply): void {
    const forwarded = new ForwardedRequest(context, request, reply)
    try {
      const accessToken = context.hasSessions ? request.accessToken() : undefined
      if (accessToken instanceof Promise) {
        accessToken.then(token => { forwarded.send(token) }).catch((error: unknown) => { forwarded.refuse(error) })
      } else forwarded.send(accessToken)
    } catch (error) {
      forwarded.refuse(error)
    }
  }
}, { name: 'http-forward', fastify: '5.x', encapsulate: true, dependencies: ['admission'] })

/** The gateway's name in `CDN-Loop` (RFC 8586): the same for all replicas, different for each public URL. */
export function createLoopName ({ publicUrl }: Pick<Tenant, 'publicUrl'>): string {
  return `qlik-embed-gateway; id=${hash('sha256', publicUrl.href, 'hex').slice(0, 12)}`
}

/** Keeps Fastify from reading the body: it stays a stream for the tenant, even if its content type is invalid. */
function passBody (request: FastifyRequest): void {
  const { 'content-length': length, 'transfer-encoding': coding } = request.raw.headers
  const hasBody = coding !== undefined || (length !== undefined && length !== '0')
  if (hasBody && (request.method === 'GET' || request.method === 'HEAD')) throw new GatewayError('GW-BODY-ON-GET')
  // Only Fastify sees this change. The raw headers are forwarded.
  if (hasBody || request.raw.headers['content-type'] !== undefined) {
    request.headers = { 'content-type': hasBody ? 'application/octet-stream' : undefined }
  }
}

function demandReading (request: FastifyRequest, reply: FastifyReply): void {
  if (request.method === 'GET' || request.method === 'HEAD') return
  reply.header('allow', 'GET, HEAD')
  throw new GatewayError('GW-METHOD')
}

/** Raises GW-METHOD for a method without a route, such as PROPFIND, if other methods have a route at this path. */
export function refuseMethod (request: FastifyRequest, reply: FastifyReply, { forwardPublic, forwardPrivate }: ForwardedPrefixes): void {
  const { path } = request.target
  const isPublic = forwardPublic.some(prefix => isBelow(path, prefix))
  if (!isPublic && !forwardPrivate.some(prefix => isBelow(path, prefix))) return
  reply.header('allow', isPublic ? 'GET, HEAD' : forwardedMethods.join(', '))
  throw new GatewayError('GW-METHOD')
}

export interface ForwardedPrefixes { forwardPublic: readonly string[], forwardPrivate: readonly string[] }
