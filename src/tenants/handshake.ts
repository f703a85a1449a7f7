import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { GatewayError } from '../errors.js'
import type { Dial } from './dial.js'

/** The tenant's answer to an upgrade: a connection with the first bytes that came with it, or a refusal to pass on. */
export type UpgradeAnswer =
  | { accepted: true, answer: IncomingMessage, socket: Duplex, head: Buffer }
  | { accepted: false, answer: IncomingMessage }

export interface UpgradeRequest {
  /** The path with its query. */
  path: string
  headers: OutgoingHttpHeaders
  /** Gives up, as when the client has left. */
  signal: AbortSignal
  /**
   * Gives up when there is no answer, counted from the first packet, and three times as long after one when a refusal
   * stops in its middle.
   */
  timeoutMs?: number
}

export interface UpgradeConnections {
  dial: Dial
  /** A connection that stood ready and has carried nothing, if there is one. */
  takeReady?: () => Socket | undefined
}

/**
 * Asks for a WebSocket (RFC 6455, section 4.1): on a connection that stands ready, and once more on a new one where
 * that turns out to be dead before any byte of an answer. Raises GW-TENANT-UNREACHABLE and, once connected,
 * GW-TENANT-TIMEOUT.
 */
export async function connectUpstream (
  { dial, takeReady = () => undefined }: UpgradeConnections, { path, headers, signal, timeoutMs = 10_000 }: UpgradeRequest
): Promise<UpgradeAnswer> {
  const endsAt = performance.now() + timeoutMs
  const ask = async (connection: Socket) => await askOn(connection, { path, headers, signal, timeoutMs: endsAt - performance.now() })
  const ready = takeReady()
  if (ready !== undefined) {
    const bytesBefore = ready.bytesRead
    try {
      return await ask(ready)
    } catch (error) {
      if (signal.aborted || isSilence(error) || ready.bytesRead > bytesBefore) throw error
    }
  }
  return await ask(await dial(signal).catch((cause: unknown) => { throw new GatewayError('GW-TENANT-UNREACHABLE', { cause }) }))
}

function isSilence (error: unknown): boolean {
  return error instanceof GatewayError && error.code === 'GW-TENANT-TIMEOUT'
}

async function askOn (connection: Socket, { path, headers, signal, timeoutMs }: Required<UpgradeRequest>): Promise<UpgradeAnswer> {
  return await new Promise((resolve, reject) => {
    const silence = new GatewayError('GW-TENANT-TIMEOUT')
    const request = httpRequest({
      createConnection: () => connection,
      path,
      headers: { ...headers, connection: 'Upgrade', upgrade: 'websocket' },
      signal
    })
    const timer = setTimeout(() => { request.destroy(silence) }, timeoutMs)
    request.once('close', () => { clearTimeout(timer) })
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
