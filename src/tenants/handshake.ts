import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Duplex } from 'node:stream'
import { GatewayError } from '../errors.js'

/** The tenant's answer to an upgrade: a connection with the first bytes that came with it, or a refusal to pass on. */
export type UpgradeAnswer =
  | { accepted: true, answer: IncomingMessage, socket: Duplex, head: Buffer }
  | { accepted: false, answer: IncomingMessage }

/**
 * Asks the tenant for a WebSocket (RFC 6455, section 4.1). `signal` gives up when the client has left; `timeoutMs` when the tenant is silent.
 * Raises GW-TENANT-UNREACHABLE and GW-TENANT-TIMEOUT.
 */
export async function connectUpstream (url: URL, path: string, headers: OutgoingHttpHeaders, signal: AbortSignal, timeoutMs = 30_000): Promise<UpgradeAnswer> {
  return await new Promise((resolve, reject) => {
    const timeout = new GatewayError('GW-TENANT-TIMEOUT')
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)({
      // An IPv6 literal stands in brackets in a URL and without them in a connection.
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port,
      path,
      headers: { ...headers, connection: 'Upgrade', upgrade: 'websocket' },
      agent: false,
      rejectUnauthorized: true,
      signal
    })
    request.setTimeout(timeoutMs, () => request.destroy(timeout))
    request.once('upgrade', (answer, socket, head) => {
      socket.setTimeout(0)
      resolve({ accepted: true, answer, socket, head })
    })
    request.once('response', answer => { resolve({ accepted: false, answer }) })
    request.once('error', (cause: Error) => {
      reject(cause === timeout ? timeout : new GatewayError('GW-TENANT-UNREACHABLE', { cause }))
    })
    request.end()
  })
}
