import { faultsOfRedis } from '../replicas/redis-servers.js'
import type { GatewayConfig } from './gateway-schema.js'
import { faultsOfImpersonation } from './impersonation-options.js'

type Fault = [keyof GatewayConfig, string]

// `/app` always leads to the engine. The others are the gateway's own, or must never be reachable.
const reservedPrefixes = ['/app', '/gateway', '/login', '/logout', '/oauth', '/.well-known', '/healthz', '/readyz']

/**
 * Faults of options that do not go together: the option to change, and what to do, which mentions others in braces. Options may be missing
 * because of faults of their own.
 */
export function faultsAcross (config: Partial<GatewayConfig>): Fault[] {
  const { name, publicUrl, callbackUrl, cookieMode, embedOrigins, forwardPublic = [], forwardPrivate = [] } = config
  const { sessionIdleSeconds = 0, sessionMaxSeconds = sessionIdleSeconds } = config
  const faults: Fault[] = [...faultsOfClient(config), ...faultsOfImpersonation(config), ...faultsOfRedis(config)]
  if (cookieMode === 'cross-site' && publicUrl?.protocol === 'http:') {
    faults.push(['cookieMode', 'is cross-site, which needs https: browsers keep cross-site cookies of https only'])
  }
  if (cookieMode === 'cross-site' && embedOrigins?.length === 0) {
    faults.push(['embedOrigins', 'is empty, but the cookie mode is cross-site: list the origins of the embedding pages'])
  }
  if (callbackUrl !== undefined && name === undefined) faults.push(['callbackUrl', 'is for several tenants: leave it out'])
  if (sessionIdleSeconds > sessionMaxSeconds) {
    faults.push(['sessionIdleSeconds', `is more than ${sessionMaxSeconds}, after which a session ends in any case: ` +
      'make it shorter, or the longest time longer'])
  }
  for (const [option, prefixes] of [['forwardPublic', forwardPublic], ['forwardPrivate', forwardPrivate]] as const) {
    const reserved = prefixes.find(prefix => reservedPrefixes.some(own => overlap(prefix, own)))
    if (reserved !== undefined) faults.push([option, `holds ${reserved}, which the gateway keeps for itself: leave it out`])
  }
  const twice = forwardPublic.find(prefix => forwardPrivate.some(other => overlap(prefix, other)))
  if (twice !== undefined) faults.push(['forwardPublic', `holds ${twice}, which overlaps with a private prefix: keep it in one list`])
  return faults
}

function faultsOfClient ({ clientSecret, clientKey, clientKeyId = clientKey?.id }: Partial<GatewayConfig>): Fault[] {
  if (clientSecret !== undefined && clientKey !== undefined) return [['clientKey', 'is set, and a client secret too: keep one of them']]
  if (clientKey !== undefined && clientKeyId === undefined) {
    return [['clientKeyId', 'is required: set it to the id that the key is registered under at the tenant']]
  }
  if (clientSecret !== undefined || clientKey !== undefined) return []
  return [['clientSecret', 'is required: set it to the secret of the OAuth client, ' +
    'or name a file that holds it by {clientSecretFile}, or a private key by {clientKeyFile}']]
}

/** Whether a path below that of a tenant is answered by the gateway, or forwarded. */
export function isReservedPath (path: string, forwarded: readonly string[]): boolean {
  return [...reservedPrefixes, ...forwarded].some(prefix => overlap(path, prefix))
}

function overlap (one: string, other: string): boolean {
  return `${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`)
}
