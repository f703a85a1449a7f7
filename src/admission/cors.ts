import type { FastifyReply, FastifyRequest } from 'fastify'
import { isBelow, type Target } from './target.js'

const allowedHeaders = [
  'content-type', 'qlik-api-version', 'qlik-csrf-token', 'qlik-web-integration-id', 'user-agent', 'x-feature-flag-overrides', 'baggage', 'range',
  'tus-resumable', 'upload-length', 'upload-offset', 'upload-metadata', 'x-agent-id', 'traceparent', 'tracestate', 'accept-language', 'if-match', 'if-none-match'
].join(', ')

const exposedHeaders = [
  'qlik-csrf-token', 'retry-after', 'location', 'link', 'content-disposition', 'content-range', 'content-length', 'accept-ranges', 'etag',
  'upload-offset', 'upload-length', 'tus-resumable', 'deprecation', 'sunset'
].join(', ')

// Two hours is the longest that Chromium remembers a preflight.
const preflightSeconds = 7_200

/** Adds the CORS headers of an answer (Fetch standard, "CORS protocol"), by the page that asked and what it asked for. */
export function addCorsHeaders ({ headers, target, tenant: { embedOrigins } }: FastifyRequest, reply: FastifyReply, publicPrefixes: readonly string[]): void {
  // A request whose target was refused has none, and no page of ours sent it.
  if (isPublic((target as Target | undefined)?.path, publicPrefixes)) {
    reply.header('access-control-allow-origin', '*').header('cross-origin-resource-policy', 'cross-origin')
    return
  }
  if (embedOrigins.size === 0) return
  // Also without an Origin: what a cache stored for a plain request must not answer a page, nor the other way round.
  reply.header('vary', [reply.getHeader('vary'), 'Origin'].flat().filter(Boolean).join(', '))
  if (headers.origin === undefined || !embedOrigins.has(headers.origin)) return
  reply.headers({
    'access-control-allow-origin': headers.origin,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': exposedHeaders
  })
}

/** Answers a preflight, which never carries a session. A page that may not call gets an answer without permission, so its browser stops. */
export function answerPreflight (request: FastifyRequest, reply: FastifyReply, publicPrefixes: readonly string[]): boolean {
  const { origin, 'access-control-request-method': method } = request.headers
  if (request.method !== 'OPTIONS' || origin === undefined || method === undefined) return false
  const open = isPublic(request.target.path, publicPrefixes)
  if (open || request.tenant.embedOrigins.has(origin)) {
    reply.headers({
      'access-control-allow-methods': open ? 'GET, HEAD' : 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
      'access-control-allow-headers': open ? '*' : allowedHeaders,
      'access-control-max-age': String(preflightSeconds)
    })
  }
  reply.code(204).send()
  return true
}

function isPublic (path: string | undefined, publicPrefixes: readonly string[]): boolean {
  return path !== undefined && publicPrefixes.some(prefix => isBelow(path, prefix))
}
