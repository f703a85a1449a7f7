import { LRUCache } from 'lru-cache'
import { lazy } from '../lazy.js'
import { atMost } from '../lru.js'
import type { ReadResource } from './resource.js'

/** The signed-in user as the tenant describes them: at least an id, usually a name, an e-mail address and more. */
export type Profile = { id: string } & Record<string, unknown>

/**
 * Reads the profile that belongs to an access token, or undefined if the tenant returns none. `newest` is asked for the
 * token again then: a renewal or another sign-in may have replaced the first, and the tenant refuses it.
 */
export type ReadProfile = (
  sessionId: string, accessToken: string, newest?: () => string | Promise<string>
) => Promise<Profile | undefined>

const rememberedMs = 300_000

/**
 * Reads `GET /api/v1/users/me` once in five minutes per session, because pages ask for their session often.
 * `rewriteLinks` replaces the tenant's addresses in it by the gateway's.
 */
export function createReadProfile (readResource: ReadResource, rewriteLinks: (json: string) => string): ReadProfile {
  const profiles = lazy(() => new LRUCache<string, Profile, { accessToken: string, newest: () => string | Promise<string> }>({
    ...atMost(5_000),
    ttl: rememberedMs,
    // Requests at the same time share one call.
    fetchMethod: async (_sessionId, _stale, { context: { accessToken, newest } }) => {
      let text = await readResource('/api/v1/users/me', accessToken)
      const next = text === undefined ? await newest() : accessToken
      if (next !== accessToken) text = await readResource('/api/v1/users/me', next)
      const body = text === undefined ? null : JSON.parse(rewriteLinks(text)) as Profile | null
      return typeof body?.id === 'string' ? body : undefined
    }
  }))

  return async (sessionId, accessToken, newest = () => accessToken) => {
    try {
      return await profiles().fetch(sessionId, { context: { accessToken, newest } })
    } catch {
      // A session works without a profile, so a failed call only means that there is none.
      return undefined
    }
  }
}
