import type { FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'
import { GatewayError } from '../errors.js'
import { atMost } from '../lru.js'

const minuteMs = 60_000
const mostRemembered = 10_000

/**
 * A hook that lets an address call a route so often in a minute; GW-TOO-MANY-LOGINS beyond. Every login costs a call of the tenant's token
 * endpoint, which is limited for the client as a whole: without this, one address could keep everybody out.
 */
export function limitRate (perMinute: number, now: () => number) {
  const minutes = new LRUCache<string, { count: number, endsAt: number }>(atMost(mostRemembered))
  // Over a Unix socket a client has no address unless the proxy before it names one: those share a limit.
  return async ({ ip = 'local', routeOptions }: FastifyRequest): Promise<void> => {
    const key = `${routeOptions.url} ${networkOf(ip)}`
    const known = minutes.get(key)
    const minute = known === undefined || known.endsAt <= now() ? { count: 0, endsAt: now() + minuteMs } : known
    minutes.set(key, minute)
    if (++minute.count > perMinute) throw new GatewayError('GW-TOO-MANY-LOGINS', { retryAfterSeconds: Math.ceil((minute.endsAt - now()) / 1000) })
  }
}

/** What one client has for itself: an address of IPv4, the first 64 bits of one of IPv6. */
export function networkOf (address: string): string {
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1]
  if (mapped !== undefined || !address.includes(':')) return mapped ?? address
  const [before, after] = address.split('::').map(part => part === '' ? [] : part.split(':')) as [string[], string[]?]
  const zeros = after === undefined ? 0 : 8 - before.length - after.length
  return [...before, ...Array<string>(zeros).fill('0'), ...after ?? []].slice(0, 4).join(':')
}
