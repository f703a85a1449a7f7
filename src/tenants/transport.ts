import { Agent, fetch as undiciFetch, Pool, type Dispatcher } from 'undici'
import type { Signals, TenantCall } from '../signals.js'
import { tenantCall } from './tenant-call.js'

/** How the gateway connects to the tenant over HTTP: a pool for what is forwarded, and one for tokens and profiles, which never wait behind it. */
export interface TenantAgent {
  agent: Dispatcher
  fetch: typeof fetch
  close: () => Promise<void>
}

const ownConnections = 32

/** Both pools; `connections` are those of what is forwarded, to the tenant alone. */
export function createTenantAgent (tenantUrl: URL, connections: number, signals: Signals): TenantAgent {
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
  const agent = new Pool(tenantUrl.origin, { ...settings, connections })
  const own = new Agent({ ...settings, connections: ownConnections })
  return {
    agent,
    fetch: ((input: string | URL, init?: object) => tenantCall(signals, { call: calls[new URL(input).pathname] ?? 'document' },
      async () => await undiciFetch(input, { ...init, dispatcher: own }), ({ status }) => status)) as typeof fetch,
    // Requests under way get no time here: the server has drained before this.
    close: async () => { await Promise.all([agent.destroy(), own.destroy()]) }
  }
}

const calls: Record<string, TenantCall> = { '/oauth/token': 'token', '/oauth/revoke': 'revoke' }
