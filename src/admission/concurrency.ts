import { GatewayError, type ErrorCode } from '../errors.js'
import type { GatewayConfig } from '../settings/gateway-schema.js'

/** How many may be under way at the same time, so that one client leaves room for the others and all together leave some memory. */
export interface ConcurrencyLimit {
  /**
   * Counts one more for a client, until that is released or a connection is closed. Raises the errors of its options, to be tried again in a
   * second.
   */
  acquire (client: string, until?: Closable): () => void
}

interface Closable { destroyed: boolean, once (event: 'close', listener: () => void): unknown }

export interface ConcurrencyOptions {
  inAll: number
  perClient: number
  /** Raised where one client has all that it may. */
  tooMany: ErrorCode
  /** Raised where all clients together have. */
  full: ErrorCode
}

export function createConcurrencyLimit ({ inAll, perClient, tooMany, full }: ConcurrencyOptions): ConcurrencyLimit {
  const acquired = new Map<string, number>()
  let count = 0
  return {
    acquire (client, until) {
      // Its `close` event is over, so nothing would ever release what it acquires here.
      if (until?.destroyed === true) return () => {}
      const own = acquired.get(client) ?? 0
      if (own >= perClient) throw new GatewayError(tooMany, { retryAfterSeconds: 1 })
      if (count >= inAll) throw new GatewayError(full, { retryAfterSeconds: 1 })
      count++
      acquired.set(client, own + 1)
      let isHeld = true
      const release = () => {
        if (!isHeld) return
        isHeld = false
        count--
        const left = acquired.get(client) as number - 1
        if (left === 0) acquired.delete(client)
        else acquired.set(client, left)
      }
      until?.once('close', release)
      return release
    }
  }
}

/** The limits of one tenant: neither one session nor all that comes without one can hold every connection to it. */
export function createConcurrencyLimits (options: Limits) {
  const half = Math.ceil(options.maxUpstreamConnections / 2)
  return {
    anonymous: createConcurrencyLimit({ inAll: half, perClient: half, tooMany: 'GW-BUSY', full: 'GW-BUSY' }),
    requests: createConcurrencyLimit({
      inAll: options.maxUpstreamConnections + options.maxUpstreamQueue,
      perClient: Math.min(half, options.maxRequestsPerSession),
      tooMany: 'GW-TOO-MANY-REQUESTS',
      full: 'GW-BUSY'
    }),
    sockets: createConcurrencyLimit({
      inAll: options.maxSockets, perClient: options.maxSocketsPerSession, tooMany: 'GW-TOO-MANY-SOCKETS', full: 'GW-BUSY'
    })
  }
}

/** The limit of event streams: each tab listens once; many more are a mistake or worse, and each costs memory. */
export function createStreamLimit (): ConcurrencyLimit {
  return createConcurrencyLimit({ inAll: Infinity, perClient: 20, tooMany: 'GW-TOO-MANY-STREAMS', full: 'GW-BUSY' })
}

type Limits = Pick<GatewayConfig, 'maxUpstreamConnections' | 'maxUpstreamQueue' | 'maxRequestsPerSession' | 'maxSockets' | 'maxSocketsPerSession'>
