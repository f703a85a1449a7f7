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
  /** Sends what is forwarded, on a connection that is kept, and notes that in the request. */
  dispatch: Dispatch
  /** The same on a connection that has carried nothing and is new. */
  dispatchAnew: Dispatch
  /** For the gateway's own calls: those for tokens wait behind nothing else, and none is sent on a connection that has carried another. */
  fetch: typeof fetch
  /** Asks for a WebSocket; the path holds the query. `signal` gives up when the client has left. Raises what `connectUpstream` raises. */
  connectWebSocket: (path: string, headers: OutgoingHttpHeaders, signal: AbortSignal) => Promise<UpgradeAnswer>
  /**
   * Lets no connection stand ready any more, for nobody asks anew. What is under way goes on, and its connections close
   * when they have been idle.
   */
  retire: () => void
  close: () => Promise<void>
}

export interface TransportOptions {
  /** How many connections there may be for what is forwarded. */
  connections: number
  signals: Signals
  proxies: OutboundProxies
  /** How many connections stand ready while the tenant is used, for HTTP and for WebSockets each. */
  warmConnections?: number
  /** How long nobody uses it before they are let go. */
  idleMs?: number
  /** How long a connection may have been idle that carries what must not be sent twice. */
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
    // Unless the tenant announces another in Keep-Alive. As long as connections stand ready: after a minute's pause a
    // page asks for more at a time than those. What a tenant has closed by then, and says nothing of, is noticed; the
    // rest is up to `isRepeatable`.
    keepAliveTimeout: idleMs,
    headersTimeout: 300_000,
    // A streamed answer may be silent for as long as it likes; who waits for it can leave.
    bodyTimeout: 0,
    maxHeaderSize: 65_536,
    connect: connectBy(async ({ protocol, host }) => await dialTo(new URL(`${protocol}//${host}`))())
  }
  // Without pipelining undici closes a connection after its first answer. A kept one may be dead by the time that it is used again, and a
  // grant that was sent on it cannot be told from one that the tenant has carried out.
  const fresh = { ...settings, pipelining: 0 }
  const pools: Dispatcher[] = []
  let closed = false
  const later = (create: () => Dispatcher) => lazy(() => {
    const pool = create()
    pools.push(pool)
    // What still asks now is refused.
    if (closed) pool.destroy(() => {})
    return pool
  })
  const kept = later(() => new Pool(tenantUrl.origin, {
    ...settings, connections, factory: (origin, options) => new NotedClient(origin, options, { ready: ready.http, dial, writeIdleMs })
  }))
  const anew = later(() => new Pool(tenantUrl.origin, { ...fresh, connections }))
  // Anybody may have documents read, and nobody may hold up a renewal by it.
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
      return await connectUpstream({ dial, takeReady: () => ready.websocket.take() }, { path, headers, signal })
    },
    retire,
    // Requests under way get no time here: the server has drained before this.
    async close () {
      retire()
      closed = true
      await Promise.all(pools.map(async pool => { await pool.destroy() }))
    }
  }
}

const tokenCalls: Record<string, TenantCall> = { '/oauth/token': 'token', '/oauth/revoke': 'revoke' }
