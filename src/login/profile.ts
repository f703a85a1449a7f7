import { LRUCache } from 'lru-cache'

/** The signed-in user as the tenant describes them: at least an id, usually name, email and more. */
export type Profile = { id: string } & Record<string, unknown>

/** Reads the profile that belongs to an access token; undefined when the tenant gives none. */
export type ReadProfile = (sessionId: string, accessToken: string) => Promise<Profile | undefined>

export interface ProfileOptions {
  tenantUrl: URL
  fetch: typeof fetch
  /** Turns the tenant's addresses in a JSON text into the gateway's. */
  rewriteLinks: (json: string) => string
}

const timeoutMs = 10_000
const rememberedMs = 300_000
const mostRedirects = 3

/** Reads `GET /api/v1/users/me`, once in five minutes per session: pages ask for their session often. */
export function createReadProfile ({ tenantUrl, fetch, rewriteLinks }: ProfileOptions): ReadProfile {
  const profiles = new LRUCache<string, Profile, string>({
    max: 5_000,
    ttl: rememberedMs,
    // One call for all that ask at the same time.
    fetchMethod: async (_sessionId, _stale, { context: accessToken }) => await readMe(accessToken)
  })

  async function readMe (accessToken: string): Promise<Profile | undefined> {
    let url = new URL('/api/v1/users/me', tenantUrl)
    for (let redirects = 0; redirects <= mostRedirects; redirects++) {
      const response = await fetch(url, {
        headers: { authorization: `Bearer ${accessToken}`, accept: 'application/json' },
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs)
      })
      const location = response.headers.get('location')
      if (location === null || response.status < 300 || response.status > 399) return await readBody(response, rewriteLinks)
      await response.body?.cancel()
      url = new URL(location, url)
      // The tenant redirects to the user's own resource; the token goes to nobody else.
      if (url.origin !== tenantUrl.origin) return undefined
    }
    return undefined
  }

  return async (sessionId, accessToken) => {
    try {
      return await profiles.fetch(sessionId, { context: accessToken })
    } catch {
      // The session is as good without a profile; the caller says that there is none.
      return undefined
    }
  }
}

async function readBody (response: Response, rewriteLinks: (json: string) => string): Promise<Profile | undefined> {
  if (!response.ok) {
    await response.body?.cancel()
    return undefined
  }
  const body = JSON.parse(rewriteLinks(await response.text())) as Profile | null
  return typeof body?.id === 'string' ? body : undefined
}
