import { hash } from 'node:crypto'
import type { Transform } from 'node:stream'
import { lazy } from '../lazy.js'
import { createAddressRewriter, type AddressRewriter } from './addresses.js'

/**
 * Replaces addresses of the tenant by those of the gateway, so that following a link does not lead a client past the
 * gateway, and does the reverse.
 */
export interface Links {
  /**
   * Rewrites a whole URL, as in Location. A URL of the tenant becomes one of the gateway, a path becomes one below the
   * base path, and any other URL stays.
   */
  rewriteLocation: (location: string) => string
  /** Does the same for the targets in a Link header (RFC 8288). */
  rewriteLinkHeader: (header: string) => string
  /**
   * Rewrites JSON: strings that begin with an address of the tenant begin with the gateway's. Every other character
   * stays.
   */
  rewriteText: (json: string) => string
  /** Like `rewriteText`, for the bytes of a complete text, whatever its encoding. */
  rewriteWhole: (json: Buffer) => Buffer
  /** Returns a stream that does the same byte for byte. It holds back only what may become an address. */
  rewriteJson: () => Transform
  /**
   * The reverse, for JSON sent to the tenant: strings that begin with the public URL begin with the tenant's own
   * address.
   */
  readonly toTenant: AddressRewriter
  /** Identifies the current rewriting rules. A body that was rewritten under another version may be out of date. */
  readonly version: string
  /** Replaces the other host names of the tenant. They must be valid host names. */
  useHostnames: (hostnames: string[]) => void
}

export function createLinks (tenantUrl: URL, publicUrl: URL): Links {
  const ports = tenantUrl.port === '' ? ['', ':443', ':80'] : [`:${tenantUrl.port}`]
  const publicBase = publicUrl.href.replace(/\/$/, '')
  const publicPath = publicUrl.pathname.replace(/\/$/, '')
  let current = lazy(() => createRules([tenantUrl.hostname]))

  function createRules (hosts: string[]) {
    const anyHost = hosts.map(name => name.replace(/[.[\]]/g, '\\$&')).join('|')
    return {
      json: createAddressRewriter({
        schemes: ['https', 'http', 'wss', 'ws'],
        hosts,
        suffixes: ports,
        ignoreCase: true,
        replacement: scheme => withScheme(publicBase, scheme)
      }),
      // With a scheme or without one.
      wholeAddress: new RegExp(`^(?:(https?|wss?):)?//(?:${anyHost})(?:${ports.join('|')})(?=[/?#]|$)`, 'i'),
      version: hash('sha256', JSON.stringify([publicBase, ports, hosts.toSorted()]), 'base64url').slice(0, 8)
    }
  }

  const toTenant = lazy(() => createAddressRewriter({
    schemes: [publicUrl.protocol, publicUrl.protocol.replace('http', 'ws')].map(scheme => scheme.slice(0, -1)),
    hosts: [publicUrl.host],
    suffixes: [publicPath],
    // Only the spelling that the opposite direction writes.
    ignoreCase: false,
    replacement: scheme => withScheme(tenantUrl.origin, scheme)
  }))

  function rewriteLocation (location: string): string {
    const isPath = location.startsWith('/') && !/^\/[/\\]/.test(location)
    if (isPath) return publicPath + location
    return location.replace(current().wholeAddress, (_match, scheme = 'https') => withScheme(publicBase, String(scheme).toLowerCase()))
  }

  return {
    useHostnames (hostnames) {
      // If the gateway has the same host name as an alias of the tenant, that name is not rewritten.
      const others = hostnames.filter(name => name.toLowerCase() !== publicUrl.hostname || tenantUrl.port !== publicUrl.port)
      current = lazy(() => createRules([...new Set([tenantUrl.hostname, ...others.map(name => name.toLowerCase())])]))
    },
    rewriteLocation,
    rewriteLinkHeader: header => header.replace(/<([^<>]*)>/g, (_match, url: string) => `<${rewriteLocation(url)}>`),
    rewriteText: json => current().json.rewriteText(json),
    rewriteWhole: json => current().json.rewriteWhole(json),
    rewriteJson: () => current().json.rewriteStream(),
    get toTenant () { return toTenant() },
    get version () { return current().version }
  }
}

/** Returns the http address `base`, or its WebSocket form if it replaces a WebSocket address. */
function withScheme (base: string, scheme: string): string {
  return scheme.startsWith('ws') ? base.replace(/^http/, 'ws') : base
}
