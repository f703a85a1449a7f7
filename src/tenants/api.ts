import { createLearnHostnames, type LearnHostnames } from './hostnames.js'
import type { Links } from './links.js'
import { createReadProfile, type ReadProfile } from './profile.js'
import { createReadResource } from './resource.js'

/** Documents of a tenant that the gateway reads for itself, each by a user's access token. */
export interface TenantApi {
  readonly readProfile: ReadProfile
  readonly learnHostnames: LearnHostnames
}

export function createTenantApi (tenantUrl: URL, fetch: typeof globalThis.fetch, links: Links, now: () => number): TenantApi {
  const readResource = createReadResource(tenantUrl, fetch)
  return {
    readProfile: createReadProfile(readResource, links.rewriteText),
    learnHostnames: createLearnHostnames({ readResource, use: links.useHostnames, now })
  }
}
