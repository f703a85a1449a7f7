import { LRUCache } from 'lru-cache'
import type { IncomingHttpHeaders } from 'node:http'
import { atMost } from '../lru.js'
import { hopByHop, mayReachTenant } from '../tenants/request-headers.js'

export type Headers = Record<string, string | string[] | undefined>

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

/**
 * The tenant's end-to-end headers without its cookies, its CORS answer and what speaks for its origin; and without
 * those that `dropped` names.
 */
export function toBrowserHeaders (headers: IncomingHttpHeaders, dropped?: ReadonlySet<string>): Headers {
  return filterHeaders(headers, reachBrowser, mayReachBrowser, dropped)
}

// Browsers know a handful of ways to ask.
const encodings = new LRUCache<string, string>({
  ...atMost(100),
  memoMethod (accepted) {
    const known = accepted.split(',').filter(coding => /^\s*(gzip|br|deflate|identity)\s*(;|$)/i.test(coding))
    return known.join(',') || 'identity'
  }
})

/** The encodings that the gateway can open to rewrite links, out of those that the client accepts. */
export function readableEncodings (accepted: string | string[] | undefined): string {
  return encodings.memo(String(accepted ?? ''))
}

function filterHeaders (
  headers: IncomingHttpHeaders, judged: Map<string, boolean>, judge: (name: string) => boolean, dropped?: ReadonlySet<string>
): Headers {
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

function mayReachBrowser (name: string): boolean {
  return !hopByHop.has(name) && !notForTheBrowser.has(name) && !name.startsWith('access-control-')
}

function namesIn (connection: string | undefined): Set<string> | undefined {
  if (connection === undefined || connection === 'keep-alive') return undefined
  return new Set(connection.toLowerCase().split(',').map(name => name.trim()))
}
