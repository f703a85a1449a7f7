import { GatewayError, type ErrorCode } from '../errors.js'

/** How many may be under way at the same time, so that one client leaves room for the others and all together leave some memory. */
export interface Places {
  /** Takes a place for a client until a connection or an answer is closed. Raises the errors of its options, to be tried again in a second. */
  take (client: string, until: Closable): void
}

interface Closable { destroyed: boolean, once (event: 'close', listener: () => void): unknown }

export interface PlacesOptions {
  inAll: number
  perClient: number
  /** Raised where one client has all that it may. */
  tooMany: ErrorCode
  /** Raised where all clients together have. */
  full: ErrorCode
}

export function createPlaces ({ inAll, perClient, tooMany, full }: PlacesOptions): Places {
  const taken = new Map<string, number>()
  let count = 0
  return {
    take (client, until) {
      // Who has left already will not be told as closed again.
      if (until.destroyed) return
      const own = taken.get(client) ?? 0
      if (own >= perClient) throw new GatewayError(tooMany, { retryAfterSeconds: 1 })
      if (count >= inAll) throw new GatewayError(full, { retryAfterSeconds: 1 })
      count++
      taken.set(client, own + 1)
      until.once('close', () => {
        count--
        const left = taken.get(client) as number - 1
        if (left === 0) taken.delete(client)
        else taken.set(client, left)
      })
    }
  }
}
