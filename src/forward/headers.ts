import { LRUCache } from 'lru-cache'
import type { IncomingHttpHeaders } from 'node:http'
import { atMost } from '../lru.js'

export type Headers = Record<string, string | string[] | undefined>

// RFC 9110, section 7.6.1, and what older peers still send.
const hopByHop = new Set([
  'connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings'
])

const notForTheTenant = new Set([
  'host', 'expect', 'cookie', 'authorization', 'forwarded', 'qlik-csrf-token', 'qlik-web-integration-id', 'x-real-ip',
  // Frameworks take them for the method: it would be another one than was judged.
  'x-http-method', 'x-http-method-override', 'x-method-override',
  // The tenant compares them with the origins of the OAuth client and refuses pages that it does not know.
  'origin', 'referer'
])
const prefixesNotForTheTenant = ['x-forwarded-', 'x-auth-', 'x-original-', 'x-rewrite-']

const notForTheBrowser = new Set([
  'set-cookie', 'set-cookie2',
  // They speak for the whole origin, which is the gateway's and not the tenant's.
  'strict-transport-security', 'public-key-pins', 'expect-ct', 'alt-svc', 'clear-site-data', 'nel', 'report-to', 'service-worker-allowed'
])

// Judged once for each name, and for no more than clients that make names up can fill the memory with.
const mostJudged = 1_000
const reachTenant = new Map<string, boolean>()
const reachBrowser = new Map<string, boolean>()

/** The client's end-to-end headers without any that identify the page, the proxy chain or a session; `connection` names more to drop. */
export function toTenantHeaders (headers: IncomingHttpHeaders): Headers {
  return filterHeaders(headers, reachTenant, mayReachTenant)
}

/** The tenant's end-to-end headers without its cookies, its CORS answer and what speaks for its origin; and without those that `dropped` names. */
export function toBrowserHeaders (headers: IncomingHttpHeaders, dropped?: ReadonlySet<string>): Headers {
  return filterHeaders(headers, reachBrowser, mayReachBrowser, dropped)
}

// Browsers know a handful of ways to ask.
const encodings = new LRUCache<string, string>({
  ...atMost(100),
  memoMethod: accepted => accepted.split(',').filter(coding => /^\s*(gzip|br|deflate|identity)\s*(;|$)/i.test(coding)).join(',') || 'identity'
})

/** The encodings that the gateway can open to rewrite links, out of those that the client accepts. */
export function readableEncodings (accepted: string | string[] | undefined): string {
  return encodings.memo(String(accepted ?? ''))
}

function filterHeaders (headers: IncomingHttpHeaders, judged: Map<string, boolean>, judge: (name: string) => boolean, dropped?: ReadonlySet<string>): Headers {
  const named = namesIn(headers.connection)
  const result: Headers = {}
  for (const name in headers) {
    let mayPass = judged.get(name)
    if (mayPass === undefined) {
      mayPass = judge(name)
      if (judged.size < mostJudged) judged.set(name, mayPass)
    }
    if (mayPass && named?.has(name) !== true && dropped?.has(name) !== true) result[name] = headers[name]
  }
  return result
}

function mayReachTenant (name: string): boolean {
  // Servers behind CGI-like interfaces read `x_forwarded_for` and `x.forwarded.for` as `x-forwarded-for`.
  const canonical = name.replace(/[._]/g, '-')
  return !hopByHop.has(canonical) && !notForTheTenant.has(canonical) && !prefixesNotForTheTenant.some(prefix => canonical.startsWith(prefix))
}

function mayReachBrowser (name: string): boolean {
  return !hopByHop.has(name) && !notForTheBrowser.has(name) && !name.startsWith('access-control-')
}

function namesIn (connection: string | undefined): Set<string> | undefined {
  if (connection === undefined || connection === 'keep-alive') return undefined
  return new Set(connection.toLowerCase().split(',').map(name => name.trim()))
}
