import type { FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'
import { GatewayError } from '../errors.js'
import { atMost } from '../lru.js'

const minuteMs = 60_000
const mostRemembered = 10_000

/**
 * A hook that limits how often a client address may call a route in a minute, and raises GW-TOO-MANY-LOGINS. Each login calls the tenant's
 * token endpoint, whose limit is for the whole OAuth client: without this hook one address could keep everybody out.
 */
export function limitRate (perMinute: number) {
  const minutes = new LRUCache<string, { count: number, endsAt: number }>(atMost(mostRemembered))
  // Clients of a Unix socket have no address unless a proxy names one. Those without share a limit.
  return async ({ ip = 'local', routeOptions }: FastifyRequest): Promise<void> => {
    const key = `${routeOptions.url} ${networkOf(ip)}`
    const known = minutes.get(key)
    const now = performance.now()
    const minute = known === undefined || known.endsAt <= now ? { count: 0, endsAt: now + minuteMs } : known
    minutes.set(key, minute)
    if (++minute.count <= perMinute) return
    throw new GatewayError('GW-TOO-MANY-LOGINS', { retryAfterSeconds: Math.ceil((minute.endsAt - now) / 1000) })
  }
}

/** The network that belongs to one client: an IPv4 address, or the first 64 bits of an IPv6 address. */
export function networkOf (address: string): string {
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1]
  if (mapped !== undefined || !address.includes(':')) return mapped ?? address
  const [before, after] = address.split('::').map(part => part === '' ? [] : part.split(':')) as [string[], string[]?]
  const zeros = after === undefined ? 0 : 8 - before.length - after.length
  return [...before, ...Array<string>(zeros).fill('0'), ...after ?? []].slice(0, 4).join(':')
}
