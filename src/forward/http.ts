import httpProxy from '@fastify/http-proxy'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { IncomingHttpHeaders } from 'node:http'
import { pipeline, type Readable, type Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import type { Dispatcher } from 'undici'
import type { Proof } from '../admission/admission.js'
import type { Places } from '../admission/places.js'
import { isBelow } from '../admission/target.js'
import { GatewayError } from '../errors.js'
import type { Signals } from '../signals.js'
import { replaceFrameAncestors } from './frame-ancestors.js'
import { readableEncodings, toBrowserHeaders, toTenantHeaders, type Headers } from './headers.js'
import type { LearnHostnames } from './hostnames.js'
import type { Links } from './links.js'
import { createUpstream, withForwarded } from './upstream.js'

export interface HttpForwardOptions {
  tenantUrl: URL
  agent: Dispatcher
  signals: Signals
  links: Links
  /** Told with each answer whose links are rewritten. */
  learnHostnames: LearnHostnames
  /** Path prefixes, each with everything below it. */
  prefixes: readonly string[]
  /** Given where requests act under a session and carry its token: what they must prove before they may change something. */
  prove?: Proof
  /** How many requests may be under way. */
  places: Places
  /** Who may frame what is answered, as in `frame-ancestors`. */
  frameAncestors: string
}

/** Forwards HTTP below some prefixes to the tenant: every byte of bodies and answers streamed, nothing retried, no redirect followed. */
export const httpForward: FastifyPluginAsync<HttpForwardOptions> = async (app, { tenantUrl, agent, signals, links, learnHostnames, prefixes, prove, places, frameAncestors }) => {
  // Fastify's parsers of its own would buffer text/plain up to a limit; what they leave to the proxy is a stream.
  app.removeAllContentTypeParsers()
  app.addHook('onRequest', passBody)
  app.addHook('onRequest', prove === undefined ? onlyReading : async request => { prove(request) })

  for (const prefix of prefixes) {
    await app.register(httpProxy, {
      prefix,
      rewritePrefix: prefix,
      upstream: tenantUrl.origin,
      undici: createUpstream(agent, tenantUrl, signals),
      httpMethods: ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'],
      disableRequestLogging: true,
      internalRewriteLocationHeader: false,
      handler: async (request, reply, path, options) => {
        const accessToken = prove === undefined ? undefined : await request.accessToken()
        // Without a session all clients are one: behind a proxy that is not trusted, they have one address too.
        places.take(prove === undefined ? '' : String(request.qlikSession.peek()?.id), reply.raw)
        return reply.from(path, {
          ...options,
          // The default repeats GET ten times on a 503, after Retry-After milliseconds.
          retryDelay: () => null,
          rewriteRequestHeaders: (_request, headers) => withForwarded(requestHeaders(request, headers), { request, reply, accessToken }),
          onResponse: (_request, _reply, answer) => send(request, reply, answer.stream, accessToken),
          // Refused here already, for a body that stopped coming.
          onError: (_reply, { error }) => { if (!reply.raw.headersSent) reply.send(toGatewayError(error)) }
        })
      },
      replyOptions: { rewriteHeaders: headers => responseHeaders(headers as IncomingHttpHeaders) }
    })
  }

  function requestHeaders (request: FastifyRequest, headers: IncomingHttpHeaders): Headers {
    const kept = toTenantHeaders(headers)
    kept.host = tenantUrl.host
    if (mayHoldLinks(request)) kept['accept-encoding'] = readableEncodings(headers['accept-encoding'])
    return kept
  }

  function responseHeaders (headers: IncomingHttpHeaders) {
    const kept = toBrowserHeaders(headers)
    if (typeof kept.location === 'string') kept.location = links.rewriteLocation(kept.location)
    if (typeof kept['content-location'] === 'string') kept['content-location'] = links.rewriteLocation(kept['content-location'])
    if (kept.link !== undefined) kept.link = [kept.link].flat().map(links.rewriteLinkHeader)
    if (/^text\/html\b/i.test(headers['content-type'] ?? '')) {
      delete kept['x-frame-options']
      kept['content-security-policy'] = replaceFrameAncestors(headers['content-security-policy'], frameAncestors)
    }
    return kept
  }

  /** Passes the answer on; JSON of the API goes through the link rewriter, which changes its length. */
  function send (request: FastifyRequest, reply: FastifyReply, answer: Readable, accessToken: string | undefined): void {
    const encoding = String(reply.getHeader('content-encoding') ?? 'identity').toLowerCase()
    // A part of a JSON text (206) cannot be read as JSON, and its range counts the tenant's bytes.
    const rewrites = mayHoldLinks(request) && isJson(reply.getHeader('content-type')) && isReadable(encoding) && reply.statusCode !== 206
    if (!rewrites) {
      reply.send(answer)
      return
    }
    if (accessToken !== undefined) learnHostnames(accessToken, request.log)
    for (const name of ['content-length', 'content-encoding', 'accept-ranges']) reply.removeHeader(name)
    // An error of any stage destroys the last one, and with it the answer to the browser: a cut answer is never completed.
    reply.send(request.method === 'HEAD' ? answer : pipeline([answer, ...decoders[encoding](), links.rewriteJson()], () => {}))
  }
}

const decoders = {
  identity: (): Transform[] => [],
  gzip: () => [createGunzip()],
  deflate: () => [createInflate()],
  br: () => [createBrotliDecompress()]
}

function isReadable (encoding: string): encoding is keyof typeof decoders {
  // A name like constructor is in every object.
  return Object.hasOwn(decoders, encoding)
}

function isJson (type: unknown): boolean {
  return /^application\/(?:[\w.+-]+\+)?json\b/i.test(String(type))
}

function mayHoldLinks (request: FastifyRequest): boolean {
  return isBelow(request.target.path, '/api')
}

/** Keeps Fastify from reading the body: whatever its content type says, even nonsense, it is a stream for the tenant. */
async function passBody (request: FastifyRequest): Promise<void> {
  const { 'content-length': length, 'transfer-encoding': coding } = request.raw.headers
  const hasBody = coding !== undefined || (length !== undefined && length !== '0')
  if (hasBody && (request.method === 'GET' || request.method === 'HEAD')) throw new GatewayError('GW-BODY-ON-GET')
  // Seen by Fastify alone; what is forwarded comes from the raw headers.
  request.headers = { 'content-type': hasBody ? 'application/octet-stream' : undefined }
}

async function onlyReading (request: FastifyRequest, reply: FastifyReply): Promise<void> {
  if (request.method === 'GET' || request.method === 'HEAD') return
  reply.header('allow', 'GET, HEAD')
  throw new GatewayError('GW-METHOD')
}

function toGatewayError (error: Error): GatewayError {
  const { cause } = error
  if (cause instanceof GatewayError) return cause
  const { code } = { ...cause as { code?: string } | undefined }
  return new GatewayError(code === 'UND_ERR_HEADERS_TIMEOUT' ? 'GW-TENANT-TIMEOUT' : 'GW-TENANT-UNREACHABLE', { cause })
}
