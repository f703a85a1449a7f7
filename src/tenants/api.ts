import { createLearnHostnames, type LearnHostnames } from './hostnames.js'
import type { Links } from './links.js'
import { createReadProfile, type ReadProfile } from './profile.js'
import { createReadResource } from './resource.js'

/** Documents of a tenant that the gateway reads for itself, each with a user's access token. */
export interface TenantApi {
  readonly readProfile: ReadProfile
  /** Asks the tenant, never a cache, whether it accepts a user's token now. False when the tenant does not answer. */
  readonly accepts: (accessToken: string) => Promise<boolean>
  readonly learnHostnames: LearnHostnames
}

export function createTenantApi (tenantUrl: URL, fetch: typeof globalThis.fetch, links: Links): TenantApi {
  const readResource = createReadResource(tenantUrl, fetch)
  return {
    readProfile: createReadProfile(readResource, links.rewriteText),
    accepts: async accessToken => await readResource('/api/v1/users/me', accessToken).then(text => text !== undefined, () => false),
    learnHostnames: createLearnHostnames({ readResource, use: links.useHostnames })
  }
}
