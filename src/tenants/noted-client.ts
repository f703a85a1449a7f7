import type { Socket } from 'node:net'
import { Client, type buildConnector, type Dispatcher } from 'undici'
import type { Dial } from './dial.js'
import { endUnread } from './paused-parser.js'
import type { ReadyConnections } from './ready-connections.js'

/** A connection of the pool, as the request that it carries sees it. */
export interface TenantConnection {
  /** The open socket, or the last one that was open. Undefined while another one is being opened. */
  socket: Socket | undefined
  /** Whether the connection was idle before this request. Then the tenant may have closed it in the meantime. */
  isKept: boolean
  /** When it was last given a request. */
  usedAt: number
}

/** A request for the pool, which records in it the connection that carries it. */
export interface TenantRequest extends Dispatcher.DispatchOptions {
  connection?: TenantConnection
  /** The request that this one is a copy of: the connection is recorded there. */
  noted?: TenantRequest
}

const repeatableMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Whether a request may be sent once more if a kept-alive connection turns out to be closed before any byte of an
 * answer (RFC 9112, section 9.3.1).
 */
export function isRepeatable ({ method, body }: TenantRequest): boolean {
  return repeatableMethods.has(method) && body === null
}

export interface NotedClientOptions {
  /** Warm connections, which are used first. */
  ready: ReadyConnections
  dial: Dial
  /** A request that must not be repeated is not sent on a connection that has been idle for this long. */
  writeIdleMs: number
}

/**
 * A connection of the pool that records which socket carries each request. undici's errors do not say that, and only a
 * request on a kept-alive connection may be tried again.
 */
export class NotedClient extends Client {
  readonly #connection: TenantConnection
  readonly #writeIdleMs: number
  /** The connection for the request under way may have been idle for up to this many ms. */
  readonly #idle: { atMost: number }

  constructor (origin: URL, options: object, { ready, dial, writeIdleMs }: NotedClientOptions) {
    const connection: TenantConnection = { socket: undefined, isKept: false, usedAt: 0 }
    const idle = { atMost: 0 }
    super(origin, {
      ...options,
      connect: connectBy(async () => {
        connection.socket = ready.take(idle.atMost)
        connection.isKept = connection.socket !== undefined
        connection.socket ??= await dial()
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
    // The tenant may be closing the connection right now. Then nobody can tell whether it has acted on the request.
    if (now - connection.usedAt >= atMost) connection.socket?.destroy()
    connection.usedAt = now
    return super.dispatch(request, handler)
  }
}

/** Makes a connector for undici from a function that returns a promise. */
export function connectBy (open: (to: buildConnector.Options) => Promise<Socket>): buildConnector.connector {
  return (to, callback) => {
    open(to).then(socket => {
      endUnread(socket)
      callback(null, socket)
    }, (error: Error) => { callback(error, null) })
  }
}
