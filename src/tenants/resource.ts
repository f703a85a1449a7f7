import { abortAfter } from '../time-limit.js'

/**
 * Reads a JSON document of the tenant's API with an access token. Returns undefined if the tenant refuses, and rejects
 * if it does not answer.
 */
export type ReadResource = (path: string, accessToken: string) => Promise<string | undefined>

const timeoutMs = 10_000
const mostRedirects = 3

/**
 * The tenant redirects `/me` addresses to the resource itself. The redirect is followed only to the tenant, so the
 * token goes nowhere else.
 */
export function createReadResource (tenantUrl: URL, fetch: typeof globalThis.fetch): ReadResource {
  return async (path, accessToken) => {
    let url = new URL(path, tenantUrl)
    for (let redirects = 0; redirects <= mostRedirects && url.origin === tenantUrl.origin; redirects++) {
      const response = await fetch(url, {
        headers: { authorization: `Bearer ${accessToken}`, accept: 'application/json' },
        redirect: 'manual',
        signal: abortAfter(timeoutMs)
      })
      if (response.ok) return await response.text()
      await response.body?.cancel()
      const location = response.headers.get('location')
      if (location === null || response.status < 300 || response.status > 399) return undefined
      url = new URL(location, url)
    }
    return undefined
  }
}
