import type { Socket } from 'node:net'
import { Client, type buildConnector, type Dispatcher } from 'undici'
import type { Dial } from './dial.js'
import { endUnread } from './paused-parser.js'
import type { ReadyConnections } from './ready-connections.js'

/** A connection of the pool as the request that it carries sees it. */
export interface TenantConnection {
  /** The socket that is open, or the last one. */
  socket: Socket | undefined
  /** Whether it stood idle before this request: the tenant may have closed it meanwhile. */
  isKept: boolean
  /** When it was given its last request. */
  usedAt: number
}

/** A request for the pool, which notes in it the connection that will carry it. */
export interface TenantRequest extends Dispatcher.DispatchOptions {
  connection?: TenantConnection
  /** What it is a copy of: the connection is noted there. */
  noted?: TenantRequest
}

const repeatableMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Whether a request may be sent once more where a kept connection turns out to be dead before any byte of an answer
 * (RFC 9112, section 9.3.1).
 */
export function isRepeatable ({ method, body }: TenantRequest): boolean {
  return repeatableMethods.has(method) && body === null
}

export interface NotedClientOptions {
  /** What stands ready is taken first. */
  ready: ReadyConnections
  dial: Dial
  /** A request that may not be repeated is sent on no connection that has been idle for so long. */
  writeIdleMs: number
}

/**
 * One connection of a pool, which tells what it carries by which socket: undici's errors do not, and only a kept one
 * may be tried again.
 */
export class NotedClient extends Client {
  readonly #connection: TenantConnection
  readonly #writeIdleMs: number
  /** For how many ms a connection may have been idle that carries the request under way. */
  readonly #idle: { atMost: number }

  constructor (origin: URL, options: object, { ready, dial, writeIdleMs }: NotedClientOptions) {
    const connection: TenantConnection = { socket: undefined, isKept: false, usedAt: 0 }
    const idle = { atMost: 0 }
    super(origin, {
      ...options,
      connect: connectBy(async () => {
        const taken = ready.take(idle.atMost)
        connection.isKept = taken !== undefined
        connection.socket = taken ?? await dial()
        return connection.socket
      })
    })
    this.#connection = connection
    this.#writeIdleMs = writeIdleMs
    this.#idle = idle
  }

  override dispatch (request: TenantRequest, handler: Dispatcher.DispatchHandler): boolean {
    const connection = this.#connection
    const { noted = request } = request
    noted.connection = connection
    const atMost = isRepeatable(request) ? Infinity : this.#writeIdleMs
    this.#idle.atMost = atMost
    const now = performance.now()
    // The tenant may be closing it at this moment, and what it has not read would be lost, or what it has read be done twice.
    if (now - connection.usedAt >= atMost) connection.socket?.destroy()
    connection.usedAt = now
    return super.dispatch(request, handler)
  }
}

/** A connector of undici's by a promise. */
export function connectBy (open: (to: buildConnector.Options) => Promise<Socket>): buildConnector.connector {
  return (to, callback) => {
    open(to).then(socket => {
      endUnread(socket)
      callback(null, socket)
    }, (error: Error) => { callback(error, null) })
  }
}
