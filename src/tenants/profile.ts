import { LRUCache } from 'lru-cache'
import { lazy } from '../lazy.js'
import { atMost } from '../lru.js'
import type { ReadResource } from './resource.js'

/** The signed-in user as the tenant describes them: at least an id, usually a name, an e-mail address and more. */
export type Profile = { id: string } & Record<string, unknown>

/** The access token that a profile is asked for with, and how to get the one that replaced it. */
interface Access { accessToken: string, newest: () => string | Promise<string> }

/**
 * Reads the profile that belongs to an access token, or undefined if the tenant returns none. `newest` is asked for the
 * token again then: a renewal or another sign-in may have replaced the first, and the tenant refuses it.
 */
export type ReadProfile = (
  sessionId: string, accessToken: string, newest?: Access['newest']
) => Promise<Profile | undefined>

const rememberedMs = 300_000

/**
 * Reads `GET /api/v1/users/me` once in five minutes per session, because pages ask for their session often.
 * `rewriteLinks` replaces the tenant's addresses in it by the gateway's.
 */
export function createReadProfile (readResource: ReadResource, rewriteLinks: (json: string) => string): ReadProfile {
  const profiles = lazy(() => new LRUCache<string, Profile, Access>({
    ...atMost(5_000),
    ttl: rememberedMs,
    // Requests at the same time share one call.
    fetchMethod: async (_sessionId, _stale, { context: { accessToken, newest } }) => {
      let text = await readResource('/api/v1/users/me', accessToken)
      if (text === undefined) {
        const newer = await newest()
        if (newer !== accessToken) text = await readResource('/api/v1/users/me', newer)
      }
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
