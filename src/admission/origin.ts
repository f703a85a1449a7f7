import type { IncomingHttpHeaders } from 'node:http'

/** What the headers say about the page that sent a request. */
export type OriginVerdict = 'ours' | 'embedder' | 'none' | 'foreign'

/**
 * Judges which page sent a request, by its `Origin`; without one or with `null`, by `Sec-Fetch-Site`. `ours` is the
 * public origin, `embedder` one of the embed origins, `none` means that the headers say nothing. Everything else is
 * `foreign`, `null` and look-alikes included.
 */
export function judgeOrigin (headers: IncomingHttpHeaders, publicOrigin: string, embedOrigins: ReadonlySet<string>): OriginVerdict {
  const { origin } = headers
  // A form on a page with `Referrer-Policy: no-referrer` sends `null`, on our own pages too. No page can forge Sec-Fetch-Site.
  if (origin !== undefined && origin !== 'null') {
    if (origin === publicOrigin) return 'ours'
    return embedOrigins.has(origin) ? 'embedder' : 'foreign'
  }
  if (headers['sec-fetch-site'] === 'same-origin') return 'ours'
  return origin === 'null' ? 'foreign' : 'none'
}

/** Whether the method is one that only reads (RFC 9110, section 9.2.1, without TRACE). */
export function isSafeMethod (method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS'
}
