import { request as httpRequest, type Agent, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Duplex } from 'node:stream'
import { GatewayError } from '../errors.js'

/** The tenant's answer to an upgrade: a connection with the first bytes that came with it, or a refusal to pass on. */
export type UpgradeAnswer =
  | { accepted: true, answer: IncomingMessage, socket: Duplex, head: Buffer }
  | { accepted: false, answer: IncomingMessage }

// Routers and NAT on the way forget a connection that is silent for some minutes, and tell nobody.
const keepAliveMs = 30_000

export interface ConnectOptions {
  /** Gives up, as when the client has left. */
  signal: AbortSignal
  /** Opens the connection, as through a proxy; directly unless given. */
  agent?: Agent | undefined
  timeoutMs?: number
}

/**
 * Asks the tenant for a WebSocket (RFC 6455, section 4.1). `timeoutMs`, from the first packet on, gives up when there is no answer, and when a
 * refusal stops in its middle. Raises GW-TENANT-UNREACHABLE and, once connected, GW-TENANT-TIMEOUT.
 */
export async function connectUpstream (url: URL, path: string, headers: OutgoingHttpHeaders, { signal, agent, timeoutMs = 10_000 }: ConnectOptions): Promise<UpgradeAnswer> {
  const secure = url.protocol === 'https:'
  return await new Promise((resolve, reject) => {
    const silence = new GatewayError('GW-TENANT-TIMEOUT')
    let connected = false
    const request = (secure ? httpsRequest : httpRequest)({
      // An IPv6 literal stands in brackets in a URL and without them in a connection.
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port,
      path,
      headers: { ...headers, connection: 'Upgrade', upgrade: 'websocket' },
      agent: agent ?? false,
      rejectUnauthorized: true,
      signal
    })
    // The system's own time-out for a connection is two minutes, and Node's begins when there is one.
    const timer = setTimeout(() => { request.destroy(connected ? silence : new Error(`no connection within ${timeoutMs} ms`)) }, timeoutMs)
    request.once('close', () => { clearTimeout(timer) })
    request.once('socket', socket => {
      socket.setKeepAlive(true, keepAliveMs)
      socket.once(secure ? 'secureConnect' : 'connect', () => { connected = true })
    })
    request.once('upgrade', (answer, socket, head) => {
      clearTimeout(timer)
      resolve({ accepted: true, answer, socket, head })
    })
    request.once('response', answer => {
      clearTimeout(timer)
      // Longer, since a slow client holds it up as well.
      request.setTimeout(3 * timeoutMs, () => request.destroy(silence))
      resolve({ accepted: false, answer })
    })
    // What comes once there is an answer breaks its body, where it is heard.
    request.on('error', (cause: Error) => {
      reject(cause === silence ? silence : new GatewayError('GW-TENANT-UNREACHABLE', { cause }))
    })
    request.end()
  })
}
