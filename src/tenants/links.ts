import { hash } from 'node:crypto'
import type { Transform } from 'node:stream'
import { lazy } from '../lazy.js'
import { createAddressRewriter, type AddressRewriter } from './addresses.js'

/** Turns addresses of the tenant into addresses of the gateway, so that no client leaves it by following a link, and back again. */
export interface Links {
  /**
   * A whole URL, as in Location: the gateway's if it was the tenant's, else as it was. A path on the tenant becomes one
   * below the base path.
   */
  rewriteLocation: (location: string) => string
  /** The same for the targets in a Link header (RFC 8288). */
  rewriteLinkHeader: (header: string) => string
  /** A JSON text whose strings that began with an address of the tenant begin with the gateway's; every other character stays. */
  rewriteText: (json: string) => string
  /** The same for the bytes of a whole text, whatever its encoding. */
  rewriteWhole: (json: Buffer) => Buffer
  /** A stream that does the same, byte for byte, and holds back nothing but what may become an address. */
  rewriteJson: () => Transform
  /** The way back: in JSON for the tenant, strings that begin with the public URL begin with the tenant's own address. */
  readonly toTenant: AddressRewriter
  /** Names what bodies are rewritten to and from now: another one, and a body that was rewritten before may be out of date. */
  readonly version: string
  /** Takes further hostnames of the tenant, in place of those it took before: valid host names. */
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
      // By its scheme or without one.
      wholeAddress: new RegExp(`^(?:(https?|wss?):)?//(?:${anyHost})(?:${ports.join('|')})(?=[/?#]|$)`, 'i'),
      version: hash('sha256', JSON.stringify([publicBase, ports, hosts.toSorted()]), 'base64url').slice(0, 8)
    }
  }

  const toTenant = lazy(() => createAddressRewriter({
    schemes: [publicUrl.protocol, publicUrl.protocol.replace('http', 'ws')].map(scheme => scheme.slice(0, -1)),
    hosts: [publicUrl.host],
    suffixes: [publicPath],
    // Only the spelling that the other direction writes.
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
      // A gateway that is called like an alias of the tenant keeps its name.
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

/** The http address `base`, or its WebSocket form where a WebSocket address takes its place. */
function withScheme (base: string, scheme: string): string {
  return scheme.startsWith('ws') ? base.replace(/^http/, 'ws') : base
}
