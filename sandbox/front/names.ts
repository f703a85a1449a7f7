import type { IncomingMessage } from 'node:http'

/** The host names of a tenant. */
export interface Names {
  /** The origin with the original host name, which the issuer, links and redirects use. */
  origin: string
  /** The origin with the alias, which OAuth does not accept. */
  aliasOrigin: string
  /** The host names that the tenant lists: the original one first, then its aliases. Other host names are refused. */
  hostnames: string[]
  /** The host name that a proxy in front of the tenant uses. It is not listed. */
  innerHostname?: string
}

/** The origin that a request used: that of the alias if the Host header names it, otherwise the original one. */
export function requestedOrigin (req: IncomingMessage, names: Names): string {
  const { protocol, hostname } = new URL(names.origin)
  const asked = requestedHost(req)
  const isAlias = asked !== undefined && asked.hostname !== hostname && names.hostnames.includes(asked.hostname)
  return isAlias ? `${protocol}//${asked.host}` : names.origin
}

/** Whether the Host header names this tenant. */
export function isTenant (req: IncomingMessage, { hostnames, innerHostname }: Names): boolean {
  const asked = requestedHost(req)?.hostname
  return asked !== undefined && (asked === innerHostname || hostnames.includes(asked))
}

function requestedHost ({ headers: { host } }: IncomingMessage): URL | undefined {
  return URL.canParse(`http://${host}`) ? new URL(`http://${host}`) : undefined
}

/** An origin with an explicit port (`https://tenant:443`), as tenants write some of their links. */
export function spellPort (origin: string): string {
  const { protocol, hostname, port } = new URL(origin)
  return `${protocol}//${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`
}

/** The path of a request without its query. */
export function pathOf (req: IncomingMessage): string {
  return (req.url ?? '/').split('?', 1)[0] ?? '/'
}
