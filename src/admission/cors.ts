import type { FastifyReply, FastifyRequest } from 'fastify'
import { mayReachTenant } from '../tenants/request-headers.js'
import { isBelow, type Target } from './target.js'

const exposedHeaders = [
  'qlik-csrf-token', 'qlik-gateway-session', 'retry-after', 'location', 'link', 'content-disposition', 'content-range',
  'content-length', 'accept-ranges', 'etag',
  'upload-offset', 'upload-length', 'upload-metadata', 'upload-expires', 'upload-defer-length', 'upload-concat', 'upload-checksum',
  'tus-resumable', 'tus-version', 'tus-extension', 'tus-max-size', 'tus-checksum-algorithm',
  'deprecation', 'sunset', 'mcp-session-id', 'www-authenticate'
].join(', ')

// Chromium remembers a preflight for two hours at most.
const preflightSeconds = 7_200

/**
 * Adds the CORS headers of an answer (Fetch standard, "CORS protocol"): `*` for public paths, else for the exact
 * origins that may embed.
 */
export function addCorsHeaders ({ headers, target, tenant }: FastifyRequest, reply: FastifyReply, publicPrefixes: readonly string[]): void {
  // A request whose target was refused has no `target`.
  if (isPublic((target as Target | undefined)?.path, publicPrefixes)) {
    reply.header('access-control-allow-origin', '*').header('cross-origin-resource-policy', 'cross-origin')
    return
  }
  const { embedOrigins } = tenant
  if (embedOrigins.size === 0) return
  // Also where no Origin was sent: a cache must not answer a page with what it stored for a request without one, nor the reverse.
  reply.header('vary', [reply.getHeader('vary'), 'Origin'].flat().filter(Boolean).join(', '))
  if (headers.origin === undefined || !embedOrigins.has(headers.origin)) return
  reply.headers({
    'access-control-allow-origin': headers.origin,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': exposedHeaders
  })
}

/**
 * Answers a preflight, which never carries a session. For other pages the answer allows nothing, so the browser does
 * not send the request.
 */
export function answerPreflight (request: FastifyRequest, reply: FastifyReply, publicPrefixes: readonly string[]): boolean {
  const { origin, 'access-control-request-method': method, 'access-control-request-headers': asked = '' } = request.headers
  if (request.method !== 'OPTIONS' || origin === undefined || method === undefined) return false
  const open = isPublic(request.target.path, publicPrefixes)
  if (open || request.tenant.embedOrigins.has(origin)) {
    reply.headers({
      'access-control-allow-methods': open ? 'GET, HEAD' : 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
      'access-control-allow-headers': open ? '*' : allowedHeaders(asked),
      'access-control-max-age': String(preflightSeconds)
    })
  }
  reply.code(204).send()
  return true
}

/** Of the header names that a page asks for, those that go upstream, and the gateway's own. */
function allowedHeaders (asked: string): string {
  const names = new Set(asked.toLowerCase().split(',').map(name => name.trim()))
  return [...names].filter(name => isToken(name) && (ownHeaders.has(name) || mayReachTenant(name))).join(', ')
}

/** Whether this is a field name (RFC 9110, section 5.6.2). Nothing else is copied into the answer. */
function isToken (name: string): boolean {
  return /^[\w!#$%&'*+.^`|~-]+$/.test(name)
}

// Headers that never go upstream and are allowed nevertheless: clients send them, and browsers refuse a request with
// one that is not allowed.
const ownHeaders = new Set(['qlik-csrf-token', 'qlik-web-integration-id', 'qlik-gateway-session', 'qlik-gateway-proof'])

function isPublic (path: string | undefined, publicPrefixes: readonly string[]): boolean {
  return path !== undefined && publicPrefixes.some(prefix => isBelow(path, prefix))
}
