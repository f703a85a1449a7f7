import type { OutgoingHttpHeaders } from 'node:http'
import { Agent, fetch as undiciFetch, Pool, type Dispatcher } from 'undici'
import type { Signals, TenantCall } from '../signals.js'
import { connectUpstream, type UpgradeAnswer } from './handshake.js'
import { tenantCall } from './tenant-call.js'

/** The only place that opens connections to a tenant. */
export interface Transport {
  /** The pool of what is forwarded. */
  dispatcher: Dispatcher
  /** For the gateway's own calls, tokens among them, which never wait behind what is forwarded. */
  fetch: typeof fetch
  /** Asks for a WebSocket; the path holds the query. `signal` gives up when the client has left. Raises what `connectUpstream` raises. */
  connectWebSocket: (path: string, headers: OutgoingHttpHeaders, signal: AbortSignal) => Promise<UpgradeAnswer>
  close: () => Promise<void>
}

const ownConnections = 32

/** `connections`: how many there may be for what is forwarded. */
export function createTransport (tenantUrl: URL, connections: number, signals: Signals): Transport {
  const settings = {
    pipelining: 1,
    keepAliveTimeout: 30_000,
    headersTimeout: 300_000,
    // A streamed answer may be silent for as long as it likes; who waits for it can leave.
    bodyTimeout: 0,
    maxHeaderSize: 65_536,
    // Verification is never off. Private authorities come by NODE_EXTRA_CA_CERTS.
    connect: { timeout: 10_000, rejectUnauthorized: true }
  }
  const dispatcher = new Pool(tenantUrl.origin, { ...settings, connections })
  const own = new Agent({ ...settings, connections: ownConnections })
  return {
    dispatcher,
    fetch: ((input: string | URL, init?: object) => tenantCall(signals, { call: calls[new URL(input).pathname] ?? 'document' },
      async () => await undiciFetch(input, { ...init, dispatcher: own }), ({ status }) => status)) as typeof fetch,
    connectWebSocket: async (path, headers, signal) => await connectUpstream(tenantUrl, path, headers, signal),
    // Requests under way get no time here: the server has drained before this.
    close: async () => { await Promise.all([dispatcher.destroy(), own.destroy()]) }
  }
}

const calls: Record<string, TenantCall> = { '/oauth/token': 'token', '/oauth/revoke': 'revoke' }
