import type { IncomingMessage } from 'node:http'

/** The names by which a tenant is called. */
export interface Names {
  /** Origin of the tenant by its original hostname: issuer, links and redirects carry it. */
  origin: string
  /** Origin by the alias hostname, under which OAuth does not work. */
  aliasOrigin: string
  /** Hostnames of the tenant, as it tells them: the original one first, then its aliases. Under any other it is no tenant. */
  hostnames: string[]
  /** The hostname by which whatever stands in front of the tenant calls it; nobody is told of it. */
  innerHostname?: string
}

/** The tenant's origin as this request named it: by an alias where the Host header says so, else the original one. */
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

/** An origin with its port spelled out (`https://tenant:443`), as tenants write some of their links. */
export function spellPort (origin: string): string {
  const { protocol, hostname, port } = new URL(origin)
  return `${protocol}//${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`
}

/** The path of a request without its query. */
export function pathOf (req: IncomingMessage): string {
  return (req.url ?? '/').split('?', 1)[0] ?? '/'
}
