import type { FastifyReply, FastifyRequest } from 'fastify'
import type { IncomingHttpHeaders } from 'node:http'
import { pipeline, Readable, type Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { isBelow } from '../admission/target.js'
import type { Answer } from './exchange.js'
import { replaceFrameAncestors } from './frame-ancestors.js'
import { toBrowserHeaders, type Headers } from './headers.js'
import type { LearnHostnames } from './hostnames.js'
import type { Links } from './links.js'

/** What becomes of the tenant's answers. */
export interface AnswerRules {
  links: Links
  /** Told with each answer whose links are rewritten. */
  learnHostnames: LearnHostnames
  /** Who may frame what is answered, as in `frame-ancestors`. */
  frameAncestors: string
}

/** Makes what passes an answer of the tenant on to the browser; the access token is the one that got it. */
export function createSendAnswer ({ links, learnHostnames, frameAncestors }: AnswerRules) {
  function responseHeaders (headers: IncomingHttpHeaders, dropped: ReadonlySet<string> | undefined): Headers {
    const kept = toBrowserHeaders(headers, dropped)
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
  return function sendAnswer (request: FastifyRequest, reply: FastifyReply, { status, headers, body }: Answer, accessToken: string | undefined): FastifyReply {
    const encoding = headers['content-encoding']?.toLowerCase() ?? 'identity'
    // A part of a JSON text (206) cannot be read as JSON, and its range counts the tenant's bytes.
    const rewrites = mayHoldLinks(request.target.path) && isJson(headers['content-type']) && isReadable(encoding) && status !== 206
    const kept = responseHeaders(headers, rewrites ? ofTheTenantsBytes : undefined)
    // A client that still sends what the tenant does not want to read cannot ask anything else on this connection.
    if (!request.raw.complete) kept.connection = 'close'
    if (rewrites && accessToken !== undefined) learnHostnames(accessToken, request.log)
    reply.code(status).headers(kept)
    // Fastify would tell a type and a length that are not the tenant's.
    const isWhole = Buffer.isBuffer(body) && headers['content-type'] !== undefined && request.method !== 'HEAD' && status !== 304
    if (isWhole && !rewrites) return reply.send(body)
    if (isWhole && encoding === 'identity') return reply.send(links.rewriteWhole(body))
    const stream = Buffer.isBuffer(body) ? Readable.from(body.length === 0 ? [] : [body]) : body
    // An error of any stage destroys the last one, and with it the answer to the browser: a cut answer is never completed.
    const payload = rewrites && request.method !== 'HEAD' ? pipeline([stream, ...decoders[encoding](), links.rewriteJson()], () => {}) : stream
    // Cut before its first byte it gives way to an error, of which these headers say nothing.
    payload.once('error', () => { for (const name of Object.keys(kept)) reply.removeHeader(name) })
    return reply.send(payload)
  }
}

const ofTheTenantsBytes = new Set(['content-length', 'content-encoding', 'accept-ranges'])

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

/** Whether the gateway looks for links in JSON that is answered to this path. */
export function mayHoldLinks (path: string): boolean {
  return isBelow(path, '/api')
}
