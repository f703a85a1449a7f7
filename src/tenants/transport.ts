import type { OutgoingHttpHeaders } from 'node:http'
import { Agent, fetch as undiciFetch, Pool, type Dispatcher } from 'undici'
import { lazy } from '../lazy.js'
import type { Signals, TenantCall } from '../signals.js'
import { createDial, type Dial } from './dial.js'
import { connectUpstream, type UpgradeAnswer } from './handshake.js'
import { connectBy, NotedClient, type TenantRequest } from './noted-client.js'
import type { OutboundProxies } from './outbound-proxy.js'
import { ReadyConnections } from './ready-connections.js'
import { tenantCall } from './tenant-call.js'

type Dispatch = (request: TenantRequest, handler: Dispatcher.DispatchHandler) => void

/** The only place that opens connections to a tenant. */
export interface Transport {
  /** Sends a forwarded request on a pooled connection, and records that connection in the request. */
  dispatch: Dispatch
  /** Like `dispatch`, on a new connection that has carried nothing. */
  dispatchAnew: Dispatch
  /**
   * For the gateway's own calls. Token calls do not wait for other calls, and none is sent on a connection that has
   * carried a request.
   */
  fetch: typeof fetch
  /**
   * Asks for a WebSocket. `path` includes the query, and `signal` aborts when the client has left. Raises what
   * `connectUpstream` raises.
   */
  connectWebSocket: (path: string, headers: OutgoingHttpHeaders, signal: AbortSignal) => Promise<UpgradeAnswer>
  /**
   * Closes the warm connections, because no new requests will come. Requests under way continue, and their connections
   * close when they are idle.
   */
  retire: () => void
  close: () => Promise<void>
}

export interface TransportOptions {
  /** The maximal number of connections for forwarded requests. */
  connections: number
  signals: Signals
  proxies: OutboundProxies
  /**
   * How many connections are kept warm while the tenant is used, for HTTP and for WebSockets each. A WebSocket that
   * finds none takes one of those for HTTP.
   */
  warmConnections?: number
  /** How long after the last use the warm connections are closed. */
  idleMs?: number
  /** A request that must not be sent twice uses no connection that has been idle for this long. */
  writeIdleMs?: number
}

const ownConnections = 32

export function createTransport (tenantUrl: URL, options: TransportOptions): Transport {
  const { connections, signals, proxies, warmConnections: count = 0, idleMs = 300_000, writeIdleMs = 30_000 } = options
  const dials = new Map<string, Dial>()
  const dialTo = (url: URL): Dial => {
    const known = dials.get(url.origin) ?? createDial(url, proxies, { opened: handshake => { signals.emit('connected', handshake) } })
    dials.set(url.origin, known)
    return known
  }
  const dial = dialTo(tenantUrl)
  const ready = {
    http: new ReadyConnections({ dial, count, idleMs, changed: by => { signals.emit('warmed', 'http', by) } }),
    websocket: new ReadyConnections({ dial, count, idleMs, changed: by => { signals.emit('warmed', 'websocket', by) } })
  }
  // Requests find an idle connection of the pool too, sockets do not.
  const takeReady = () => ready.websocket.take() ?? ready.http.take()
  const use = (): void => {
    ready.http.use()
    ready.websocket.use()
  }
  const retire = (): void => {
    ready.http.close()
    ready.websocket.close()
  }
  const settings = {
    pipelining: 1,
    // The tenant can set another value with Keep-Alive. This one is as long as connections are kept warm, because after
    // a pause a page asks for more at a time than there are warm connections. undici notices a connection that the
    // tenant has closed; `isRepeatable` covers one that is being closed.
    keepAliveTimeout: idleMs,
    headersTimeout: 300_000,
    // A streamed answer may be silent for any time. The client decides how long to wait.
    bodyTimeout: 0,
    maxHeaderSize: 65_536,
    connect: connectBy(async ({ protocol, host }) => await dialTo(new URL(`${protocol}//${host}`))())
  }
  // Without pipelining undici closes a connection after its first answer. A kept-alive connection may be closed when it
  // is used again, and then nobody could tell whether the tenant has carried out the grant.
  const fresh = { ...settings, pipelining: 0 }
  const pools: Dispatcher[] = []
  let closed = false
  const later = (create: () => Dispatcher) => lazy(() => {
    const pool = create()
    pools.push(pool)
    // Requests that still arrive now are refused.
    if (closed) pool.destroy(() => {})
    return pool
  })
  const kept = later(() => new Pool(tenantUrl.origin, {
    ...settings, connections, factory: (origin, options) => new NotedClient(origin, options, { ready: ready.http, dial, writeIdleMs })
  }))
  const anew = later(() => new Pool(tenantUrl.origin, { ...fresh, connections }))
  // Reading documents must not delay token calls, so it uses another agent.
  const tokens = later(() => new Agent({ ...fresh, connections: ownConnections }))
  const documents = later(() => new Agent({ ...fresh, connections: ownConnections }))
  return {
    dispatch (request, handler) {
      use()
      kept().dispatch(request, handler)
    },
    dispatchAnew (request, handler) { anew().dispatch(request, handler) },
    fetch: (async (input: string | URL, init?: object) => {
      use()
      const call = tokenCalls[new URL(input).pathname] ?? 'document'
      const own = call === 'document' ? documents : tokens
      const ask = async () => await undiciFetch(input, { ...init, dispatcher: own() })
      return await tenantCall(signals, { call }, ask, ({ status }) => status)
    }) as typeof fetch,
    async connectWebSocket (path, headers, signal) {
      use()
      return await connectUpstream({ dial, takeReady }, { path, headers, signal })
    },
    retire,
    // Requests under way get no time here: the server has finished them before it calls this.
    async close () {
      retire()
      closed = true
      await Promise.all(pools.map(async pool => { await pool.destroy() }))
    }
  }
}

const tokenCalls: Record<string, TenantCall> = { '/oauth/token': 'token', '/oauth/revoke': 'revoke' }
