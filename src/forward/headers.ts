import { LRUCache } from 'lru-cache'
import type { IncomingHttpHeaders } from 'node:http'
import { atMost } from '../lru.js'
import { hopByHop, mayReachTenant } from '../tenants/request-headers.js'

export type Headers = Record<string, string | string[] | undefined>

const notForTheBrowser = new Set([
  'set-cookie', 'set-cookie2',
  // These apply to the whole origin, which is the gateway's.
  'strict-transport-security', 'public-key-pins', 'expect-ct', 'alt-svc', 'clear-site-data', 'nel', 'report-to', 'service-worker-allowed'
])

// The decision for each header name is cached, up to this many names, because clients can invent any number.
const mostJudged = 1_000
const reachTenant = new Map<string, boolean>()
const reachBrowser = new Map<string, boolean>()

/**
 * The client's end-to-end headers, without those that identify the page, the proxy chain or a session, and without
 * those that `connection` names.
 */
export function toTenantHeaders (headers: IncomingHttpHeaders): Headers {
  return filterHeaders(headers, reachTenant, mayReachTenant)
}

/**
 * The tenant's end-to-end headers, without its cookies, its CORS headers and those that apply to a whole origin, and
 * without those in `dropped`.
 */
export function toBrowserHeaders (headers: IncomingHttpHeaders, dropped?: ReadonlySet<string>): Headers {
  return filterHeaders(headers, reachBrowser, mayReachBrowser, dropped)
}

// Browsers send only a handful of values.
const encodings = new LRUCache<string, string>({
  ...atMost(100),
  memoMethod (accepted) {
    const known = accepted.split(',').filter(coding => /^\s*(gzip|br|deflate|identity)\s*(;|$)/i.test(coding))
    return known.join(',') || 'identity'
  }
})

/** The encodings that the client accepts and that the gateway can decode to rewrite links. */
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
