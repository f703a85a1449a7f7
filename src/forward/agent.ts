import { Agent, fetch as undiciFetch } from 'undici'

/** How the gateway connects to the tenant over HTTP: one pool for tokens, profile and forwarding. */
export interface TenantAgent {
  agent: Agent
  fetch: typeof fetch
  close: () => Promise<void>
}

export function createTenantAgent (): TenantAgent {
  const agent = new Agent({
    connections: 256,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    headersTimeout: 300_000,
    // A streamed answer may be silent for as long as it likes; who waits for it can leave.
    bodyTimeout: 0,
    maxHeaderSize: 65_536,
    // @fastify/reply-from would turn verification off in an agent of its own. Private authorities come by NODE_EXTRA_CA_CERTS.
    connect: { timeout: 10_000, rejectUnauthorized: true }
  })
  return {
    agent,
    fetch: ((input: string | URL, init?: object) => undiciFetch(input, { ...init, dispatcher: agent })) as typeof fetch,
    // Requests under way get no time here: the server has drained before this.
    close: async () => { await agent.destroy() }
  }
}
