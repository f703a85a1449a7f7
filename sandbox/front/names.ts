import type { IncomingMessage } from 'node:http'

/** The names by which a tenant is called. */
export interface Names {
  /** Origin of the tenant by its original hostname: issuer, links and redirects carry it. */
  origin: string
  /** Origin by the alias hostname, under which OAuth does not work. */
  aliasOrigin: string
}

/** The tenant's origin as this request named it: the alias where the Host header says so, else the original one. */
export function requestedOrigin (req: IncomingMessage, names: Names): string {
  return req.headers.host === new URL(names.aliasOrigin).host ? names.aliasOrigin : names.origin
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
