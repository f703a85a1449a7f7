import type { IncomingHttpHeaders } from 'node:http'

/** What the headers say about the page that sent a request. */
export type OriginVerdict = 'ours' | 'embedder' | 'none' | 'foreign'

/**
 * Judges the page behind a request by its `Origin`, or without one by `Sec-Fetch-Site`: `ours` is the public origin, `embedder` one
 * of the embed origins, `none` when nothing is said, `foreign` everything else, `null` and look-alikes included.
 */
export function judgeOrigin (headers: IncomingHttpHeaders, publicOrigin: string, embedOrigins: ReadonlySet<string>): OriginVerdict {
  const { origin } = headers
  if (origin !== undefined) {
    if (origin === publicOrigin) return 'ours'
    return embedOrigins.has(origin) ? 'embedder' : 'foreign'
  }
  return headers['sec-fetch-site'] === 'same-origin' ? 'ours' : 'none'
}

/** Whether the method is one that only reads (RFC 9110, section 9.2.1, without TRACE). */
export function isSafeMethod (method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS'
}
