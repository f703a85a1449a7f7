import httpProxy from '@fastify/http-proxy'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
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

/** What is forwarded where there is a session; elsewhere only GET and HEAD are. */
const forwardedMethods = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'] as const

export interface HttpForwardOptions {
  /** Path prefixes, each with everything below it. */
  prefixes: readonly string[]
  /** Given where requests act under a session and carry its token: what may not change something unless a trusted page sent it. */
  requireOrigin?: RequireTrustedOrigin
  /** How many requests may be under way. */
  limitOf: (tenant: Tenant) => ConcurrencyLimit
  /** What remembers answers for all who ask, where requests act under no session. */
  cacheOf?: (tenant: Tenant) => SharedCache
}

/** Forwards HTTP below some prefixes to the tenant: bodies and answers are streamed, no redirect is followed. */
export const httpForward: FastifyPluginAsync<HttpForwardOptions> = async (app, { prefixes, requireOrigin, limitOf, cacheOf }) => {
  const context = { limitOf, loopNameOf: perTenant(createLoopName), hasSessions: requireOrigin !== undefined, cacheOf }
  // Fastify's parsers of its own would buffer text/plain up to a limit; what they leave to the proxy is a stream.
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
      // Never asked: the hook below answers, each request at its own tenant.
      upstream: 'http://localhost',
      httpMethods: [...forwardedMethods],
      config: { forwards: true },
      disableRequestLogging: true,
      // Its own handler parses URLs, pipes streams and copies headers, which costs more than all else here: docs/performance.md.
      preHandler: forward
    })
  }

  /** Without a promise where the token is at hand. The hook ends here: what is called next would be the plugin's own handler. */
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
}

/** What a gateway writes into `CDN-Loop` (RFC 8586): the same for all replicas, and another for each public URL. */
export function createLoopName ({ publicUrl }: Pick<Tenant, 'publicUrl'>): string {
  return `qlik-embed-gateway; id=${hash('sha256', publicUrl.href, 'hex').slice(0, 12)}`
}

/** Keeps Fastify from reading the body: whatever its content type says, even nonsense, it is a stream for the tenant. */
function passBody (request: FastifyRequest): void {
  const { 'content-length': length, 'transfer-encoding': coding } = request.raw.headers
  const hasBody = coding !== undefined || (length !== undefined && length !== '0')
  if (hasBody && (request.method === 'GET' || request.method === 'HEAD')) throw new GatewayError('GW-BODY-ON-GET')
  // Seen by Fastify alone; what is forwarded comes from the raw headers.
  if (hasBody || request.raw.headers['content-type'] !== undefined) {
    request.headers = { 'content-type': hasBody ? 'application/octet-stream' : undefined }
  }
}

function demandReading (request: FastifyRequest, reply: FastifyReply): void {
  if (request.method === 'GET' || request.method === 'HEAD') return
  reply.header('allow', 'GET, HEAD')
  throw new GatewayError('GW-METHOD')
}

/** Raises GW-METHOD for what Fastify finds no route for where another method has one: PROPFIND and its like. */
export function refuseMethod (request: FastifyRequest, reply: FastifyReply, { forwardPublic, forwardPrivate }: ForwardedPrefixes): void {
  const { path } = request.target
  const isPublic = forwardPublic.some(prefix => isBelow(path, prefix))
  if (!isPublic && !forwardPrivate.some(prefix => isBelow(path, prefix))) return
  reply.header('allow', isPublic ? 'GET, HEAD' : forwardedMethods.join(', '))
  throw new GatewayError('GW-METHOD')
}

export interface ForwardedPrefixes { forwardPublic: readonly string[], forwardPrivate: readonly string[] }
