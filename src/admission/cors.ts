import type { FastifyReply, FastifyRequest } from 'fastify'
import { mayReachTenant } from '../tenants/request-headers.js'
import type { Tenant } from '../tenants/tenant.js'
import { isBelow, type Target } from './target.js'

const exposedHeaders = [
  'qlik-csrf-token', 'qlik-gateway-session', 'retry-after', 'location', 'link', 'content-disposition', 'content-range', 'content-length', 'accept-ranges', 'etag',
  'upload-offset', 'upload-length', 'upload-metadata', 'upload-expires', 'upload-defer-length', 'upload-concat', 'upload-checksum',
  'tus-resumable', 'tus-version', 'tus-extension', 'tus-max-size', 'tus-checksum-algorithm', 'deprecation', 'sunset', 'mcp-session-id', 'www-authenticate'
].join(', ')

// Two hours is the longest that Chromium remembers a preflight.
const preflightSeconds = 7_200

const nobody: ReadonlySet<string> = new Set()

/** Adds the CORS headers of an answer (Fetch standard, "CORS protocol"), by the page that asked and what it asked for. */
export function addCorsHeaders ({ headers, target, tenant }: FastifyRequest, reply: FastifyReply, publicPrefixes: readonly string[]): void {
  // A request whose target was refused has none, and no page of ours sent it.
  if (isPublic((target as Target | undefined)?.path, publicPrefixes)) {
    reply.header('access-control-allow-origin', '*').header('cross-origin-resource-policy', 'cross-origin')
    return
  }
  // One for an unknown host has no tenant.
  const embedOrigins = (tenant as Tenant | undefined)?.embedOrigins ?? nobody
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

/** Of the names that a page asks for, those that mean something here: what never goes upstream may not be sent, but what is the gateway's own. */
function allowedHeaders (asked: string): string {
  const names = new Set(asked.toLowerCase().split(',').map(name => name.trim()))
  return [...names].filter(name => isToken(name) && (ownHeaders.has(name) || mayReachTenant(name))).join(', ')
}

/** A field name (RFC 9110, section 5.6.2): nothing else is repeated. */
function isToken (name: string): boolean {
  return /^[\w!#$%&'*+.^`|~-]+$/.test(name)
}

// Qlik's clients send them, and read a refusal as one of the whole request.
const ownHeaders = new Set(['qlik-csrf-token', 'qlik-web-integration-id', 'qlik-gateway-session', 'qlik-gateway-proof'])

function isPublic (path: string | undefined, publicPrefixes: readonly string[]): boolean {
  return path !== undefined && publicPrefixes.some(prefix => isBelow(path, prefix))
}
