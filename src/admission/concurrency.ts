import { GatewayError, type ErrorCode } from '../errors.js'
import type { GatewayConfig } from '../settings/gateway-schema.js'

/** Limits how much may be under way at the same time: for each client, so that others get a turn, and for all, so that memory suffices. */
export interface ConcurrencyLimit {
  /**
   * Counts one more for a client, until `until` closes; without it, until the function that it returns is called, once.
   * Raises the error `tooMany` or `full`, with a Retry-After of a second.
   */
  acquire (client: string, until?: Closable): () => void
}

interface Closable { destroyed: boolean, once (event: 'close', listener: () => void): unknown }

export interface ConcurrencyOptions {
  inAll: number
  perClient: number
  /** Raised when a client has reached its limit. */
  tooMany: ErrorCode
  /** Raised when all clients together have reached theirs. */
  full: ErrorCode
}

export function createConcurrencyLimit ({ inAll, perClient, tooMany, full }: ConcurrencyOptions): ConcurrencyLimit {
  const acquired = new Map<string, number>()
  let count = 0
  return {
    acquire (client, until) {
      // Its `close` event has been emitted already, so nothing would release what is acquired here.
      if (until?.destroyed === true) return () => {}
      const own = acquired.get(client) ?? 0
      if (own >= perClient) throw new GatewayError(tooMany, { retryAfterSeconds: 1 })
      if (count >= inAll) throw new GatewayError(full, { retryAfterSeconds: 1 })
      count++
      acquired.set(client, own + 1)
      const release = () => {
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

/** The limits of one tenant. Neither one session nor all requests without a session can take every connection to it. */
export function createConcurrencyLimits (options: LimitOptions) {
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

/** The limit of event streams. Each tab opens one; many more are a mistake or an attack, and each costs memory. */
export function createStreamLimit (): ConcurrencyLimit {
  return createConcurrencyLimit({ inAll: Infinity, perClient: 20, tooMany: 'GW-TOO-MANY-STREAMS', full: 'GW-BUSY' })
}

type LimitOptions = Pick<
  GatewayConfig, 'maxUpstreamConnections' | 'maxUpstreamQueue' | 'maxRequestsPerSession' | 'maxSockets' | 'maxSocketsPerSession'
>
