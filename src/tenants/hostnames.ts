import type { FastifyBaseLogger } from 'fastify'
import type { ReadResource } from './resource.js'

export interface HostnamesOptions {
  readResource: ReadResource
  /** Receives all host names of the tenant each time the tenant has listed them. */
  use: (hostnames: string[]) => void
}

/**
 * Asks for the tenant's host names with a user's token when an update is due. It runs in the background and never
 * fails.
 */
export type LearnHostnames = (accessToken: string, log: FastifyBaseLogger) => void

// An administrator may change the alias at any time.
const rememberMs = 3_600_000
const retryMs = 60_000
const mostNames = 16
const longestName = 253

/** Learns the tenant's other host names from `GET /api/v1/tenants/me`. */
export function createLearnHostnames ({ readResource, use }: HostnamesOptions): LearnHostnames {
  let askAt = 0

  async function ask (accessToken: string): Promise<void> {
    const tenant = JSON.parse(await readResource('/api/v1/tenants/me', accessToken) ?? 'null') as { hostnames?: unknown } | null
    if (!Array.isArray(tenant?.hostnames)) throw new Error('the tenant did not tell them')
    use(tenant.hostnames.filter(isHostname).slice(0, mostNames))
    askAt = performance.now() + rememberMs
  }

  return (accessToken, log) => {
    if (performance.now() < askAt) return
    askAt = performance.now() + retryMs
    ask(accessToken).catch((error: Error) => {
      log.info({ failure: error.message }, 'the hostnames of the tenant are not known: links by an alias stay as they are')
    })
  }
}

/**
 * Whether a value is a host name (RFC 1123, section 2.1). Anything else could have a special meaning in a regular
 * expression.
 */
function isHostname (value: unknown): value is string {
  return typeof value === 'string' && value.length <= longestName && /^(?:[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?(?:\.(?!$)|$))+$/i.test(value)
}
