import type { FastifyReply, FastifyRequest } from 'fastify'
import type { IncomingHttpHeaders } from 'node:http'
import { Readable, type Transform } from 'node:stream'
import { brotliDecompressSync, createBrotliDecompress, createGunzip, createInflate, gunzipSync, inflateSync } from 'node:zlib'
import { isBelow } from '../admission/target.js'
import type { Answer } from './exchange.js'
import { replaceFrameAncestors } from './frame-ancestors.js'
import { toBrowserHeaders, type Headers } from './headers.js'
import type { Tenant } from '../tenants/tenant.js'

/**
 * Passes an answer of the tenant on to the browser; JSON of the API goes through the link rewriter, which changes its length. The access token
 * is the one that got it.
 */
export function sendAnswer (
  request: FastifyRequest, reply: FastifyReply, { status, headers, body }: Answer, accessToken: string | undefined
): FastifyReply {
  const { links, api } = request.tenant
  const encoding = headers['content-encoding']?.toLowerCase() ?? 'identity'
  // A part of a JSON text (206) cannot be read as JSON, and its range counts the tenant's bytes.
  const mayRewrite = mayHoldLinks(request.target.path) && isJson(headers['content-type']) && isReadable(encoding) && status !== 206
  // Fastify would tell a type and a length that are not the tenant's.
  const isWhole = Buffer.isBuffer(body) && headers['content-type'] !== undefined && request.method !== 'HEAD' && status !== 304
  const opened = mayRewrite && isWhole ? open(body, encoding) : undefined
  const rewritten = opened === undefined ? undefined : links.rewriteWhole(opened)
  // What holds no address of the tenant goes on as it came, compressed if it was.
  const rewrites = mayRewrite && (opened === undefined || rewritten !== opened)
  const kept = responseHeaders(headers, request.tenant, rewrites ? ofTheTenantsBytes : undefined)
  // A client that still sends what the tenant does not want to read cannot ask anything else on this connection.
  if (!request.raw.complete) kept.connection = 'close'
  if (mayRewrite && accessToken !== undefined) api.learnHostnames(accessToken, request.log)
  reply.code(status).headers(kept)
  if (isWhole && !rewrites) return reply.send(body)
  if (rewritten !== undefined) return reply.send(rewritten)
  const stream = Buffer.isBuffer(body) ? Readable.from(body.length === 0 ? [] : [body]) : body
  const payload = rewrites && request.method !== 'HEAD' ? [...decoders[encoding].streams(), links.rewriteJson()].reduce(pass, stream) : stream
  // Cut before its first byte it gives way to an error, of which these headers say nothing.
  payload.once('error', () => { for (const name of Object.keys(kept)) reply.removeHeader(name) })
  return reply.send(payload)
}

function responseHeaders (headers: IncomingHttpHeaders, { links, frameAncestors }: Tenant, dropped: ReadonlySet<string> | undefined): Headers {
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

/**
 * Passes one stream on through the next. An error of any destroys all behind it, and with them the answer to the browser: a cut answer is never
 * completed. `pipeline` does the same, and the AbortController that it ends with costs as much as rewriting 100 KB.
 */
function pass (from: Readable, through: Transform): Transform {
  from.on('error', error => { through.destroy(error) })
  through.on('close', () => { from.destroy() })
  return from.pipe(through)
}

const ofTheTenantsBytes = new Set(['content-length', 'content-encoding', 'accept-ranges'])

// What is opened in one go holds up all others, for a millisecond at the most.
const mostOpened = { maxOutputLength: 262_144 }

interface Decoder { open: (body: Buffer, limits: typeof mostOpened) => Buffer, streams: () => Transform[] }

const decoders = {
  identity: { open: body => body, streams: () => [] },
  gzip: { open: gunzipSync, streams: () => [createGunzip()] },
  deflate: { open: inflateSync, streams: () => [createInflate()] },
  br: { open: brotliDecompressSync, streams: () => [createBrotliDecompress()] }
} satisfies Record<string, Decoder>

/** The content of a small body; undefined where it is large or broken, which a stream shows. */
function open (body: Buffer, encoding: keyof typeof decoders): Buffer | undefined {
  try {
    const decoder: Decoder = decoders[encoding]
    return decoder.open(body, mostOpened)
  } catch {
    return undefined
  }
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
