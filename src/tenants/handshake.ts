import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { GatewayError } from '../errors.js'
import { limitTime } from '../time-limit.js'
import type { Dial } from './dial.js'
import { isReset } from './reset.js'

/** The tenant's answer to an upgrade: a connection with the first bytes that came with it, or a refusal to pass on. */
export type UpgradeAnswer =
  | { accepted: true, answer: IncomingMessage, socket: Duplex, head: Buffer }
  | { accepted: false, answer: IncomingMessage }

export interface UpgradeRequest {
  /** The path with its query. */
  path: string
  headers: OutgoingHttpHeaders
  /** Aborts the handshake, for example when the client has left. */
  signal: AbortSignal
  /**
   * How long to wait for an answer, counted from the first packet sent. A refusal that stops in the middle of its body
   * gets three times as long.
   */
  timeoutMs?: number
}

export interface UpgradeConnections {
  dial: Dial
  /** Returns a warm connection that has carried nothing yet, if there is one. */
  takeReady?: () => Socket | undefined
}

/**
 * Performs the client's side of a WebSocket handshake (RFC 6455, section 4.1). It uses a warm connection if there is
 * one, and tries once more on a new connection if the warm one turns out to be closed before any byte of an answer.
 * Raises GW-TENANT-UNREACHABLE and, once connected, GW-TENANT-TIMEOUT.
 */
export async function connectUpstream (
  { dial, takeReady = () => undefined }: UpgradeConnections, { path, headers, signal, timeoutMs = 10_000 }: UpgradeRequest
): Promise<UpgradeAnswer> {
  const endsAt = performance.now() + timeoutMs
  // After a dial during which this process was busy, the time may be over already.
  const ask = async (connection: Socket) =>
    await askOn(connection, { path, headers, signal, timeoutMs: Math.max(timeoutMs / 10, endsAt - performance.now()) })
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
    const stopWaiting = limitTime(timeoutMs, () => { request.destroy(silence) })
    request.once('close', stopWaiting)
    request.once('upgrade', (answer, socket, head) => {
      stopWaiting()
      resolve({ accepted: true, answer, socket, head })
    })
    request.once('response', answer => {
      stopWaiting()
      // Longer, because a slow client delays the body as well.
      request.setTimeout(3 * timeoutMs, () => request.destroy(silence))
      // Node takes a reset for the end of a body that has no length.
      request.once('error', cause => { answer.destroy(cause) })
      connection.prependOnceListener('end', () => {
        if (isReset(connection)) answer.destroy(Object.assign(new Error('the connection was reset'), { code: 'ECONNRESET' }))
      })
      resolve({ accepted: false, answer })
    })
    // Once there is an answer, whoever reads its body handles the error.
    request.on('error', (cause: Error) => {
      reject(cause === silence ? silence : new GatewayError('GW-TENANT-UNREACHABLE', { cause }))
    })
    request.end()
  })
}
