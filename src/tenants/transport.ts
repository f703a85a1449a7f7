import type { OutgoingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import { Agent, Client, fetch as undiciFetch, Pool, type buildConnector, type Dispatcher } from 'undici'
import type { Signals, TenantCall } from '../signals.js'
import { connectUpstream, type UpgradeAnswer } from './handshake.js'
import { createConnector, createProxyAgent, type OutboundProxies } from './outbound-proxy.js'
import { tenantCall } from './tenant-call.js'

/** The only place that opens connections to a tenant. */
export interface Transport {
  /** The pool of what is forwarded. Its connections are kept, and noted in the request that they carry. */
  dispatcher: Dispatcher
  /** The same on connections that have carried nothing. */
  freshDispatcher: Dispatcher
  /** For the gateway's own calls: those for tokens wait behind nothing else, and none is sent on a connection that has carried another. */
  fetch: typeof fetch
  /** Asks for a WebSocket; the path holds the query. `signal` gives up when the client has left. Raises what `connectUpstream` raises. */
  connectWebSocket: (path: string, headers: OutgoingHttpHeaders, signal: AbortSignal) => Promise<UpgradeAnswer>
  close: () => Promise<void>
}

/** A connection of the pool as the request that it carries sees it. */
export interface TenantConnection {
  /** The socket that is open, or the last one. */
  socket: Socket | undefined
  /** How many requests have been sent on it. */
  requests: number
}

/** A request for the pool, which notes in it the connection that will carry it. */
export interface TenantRequest extends Dispatcher.DispatchOptions {
  connection?: TenantConnection
}

const ownConnections = 32

/** `connections`: how many there may be for what is forwarded. */
export function createTransport (tenantUrl: URL, connections: number, signals: Signals, proxies: OutboundProxies): Transport {
  const agent = createProxyAgent(tenantUrl, proxies)
  const settings = {
    pipelining: 1,
    keepAliveTimeout: 30_000,
    headersTimeout: 300_000,
    // A streamed answer may be silent for as long as it likes; who waits for it can leave.
    bodyTimeout: 0,
    maxHeaderSize: 65_536,
    // Verification is never off. Private authorities come by NODE_EXTRA_CA_CERTS.
    connect: createConnector({ timeout: 10_000, rejectUnauthorized: true }, proxies)
  }
  // Without pipelining undici closes a connection after its first answer. A kept one may be dead by the time that it is used again, and a
  // grant that was sent on it cannot be told from one that the tenant has carried out.
  const fresh = { ...settings, pipelining: 0 }
  const dispatcher = new Pool(tenantUrl.origin, {
    ...settings, connections, factory: (origin, options) => new NotedClient(origin, options as NotedClientOptions)
  })
  const freshDispatcher = new Pool(tenantUrl.origin, { ...fresh, connections })
  // Anybody may have documents read, and nobody may hold up a renewal by it.
  const tokens = new Agent({ ...fresh, connections: ownConnections })
  const documents = new Agent({ ...fresh, connections: ownConnections })
  return {
    dispatcher,
    freshDispatcher,
    fetch: (async (input: string | URL, init?: object) => {
      const call = tokenCalls[new URL(input).pathname] ?? 'document'
      const own = call === 'document' ? documents : tokens
      return await tenantCall(signals, { call }, async () => await undiciFetch(input, { ...init, dispatcher: own }), ({ status }) => status)
    }) as typeof fetch,
    connectWebSocket: async (path, headers, signal) => await connectUpstream(tenantUrl, path, headers, { signal, agent }),
    // Requests under way get no time here: the server has drained before this.
    close: async () => { await Promise.all([dispatcher, freshDispatcher, tokens, documents].map(async pool => { await pool.destroy() })) }
  }
}

const tokenCalls: Record<string, TenantCall> = { '/oauth/token': 'token', '/oauth/revoke': 'revoke' }

type NotedClientOptions = Client.Options & { connect: buildConnector.connector }

/** One connection of a pool, which tells what it carries by which socket: undici's errors do not, and only a kept one may be tried again. */
class NotedClient extends Client {
  readonly #connection: TenantConnection

  constructor (origin: URL, { connect, ...options }: NotedClientOptions, connection: TenantConnection = { socket: undefined, requests: 0 }) {
    super(origin, {
      ...options,
      connect (to, callback) {
        connect(to, (...result) => {
          connection.socket = result[1] ?? undefined
          connection.requests = 0
          callback(...result)
        })
      }
    })
    this.#connection = connection
  }

  override dispatch (request: TenantRequest, handler: Dispatcher.DispatchHandler): boolean {
    request.connection = this.#connection
    return super.dispatch(request, handler)
  }
}
