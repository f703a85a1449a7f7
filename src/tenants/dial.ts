import { AsyncLocalStorage } from 'node:async_hooks'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, createSecureContext, type TLSSocket } from 'node:tls'
import { lazy } from '../lazy.js'
import type { HandshakeKind } from '../signals.js'
import { limitTime } from '../time-limit.js'
import { bareHost, openTunnel, portOf, proxyFor, serverName, type OutboundProxies } from './outbound-proxy.js'

/**
 * Opens a connection to one host, including the TLS handshake. Rejects with the error of the system, of TLS or of the
 * proxy, and when `signal` is aborted.
 */
export type Dial = (signal?: AbortSignal) => Promise<Socket>

export interface DialOptions {
  timeoutMs?: number
  opened?: (handshake: HandshakeKind) => void
}

// Routers and NAT drop connections that are silent for some minutes, without telling either end.
const keepAliveMs = 30_000

/**
 * Connects directly or through the outbound proxy. TLS sessions of earlier connections are resumed (RFC 8446, section
 * 2.2).
 */
export function createDial (url: URL, proxies: OutboundProxies, { timeoutMs = 10_000, opened = () => {} }: DialOptions = {}): Dial {
  const proxy = proxyFor(url, proxies)
  const host = bareHost(url)
  const port = Number(portOf(url))
  const sessions = new TlsSessions()

  function secure (over: { socket: Socket } | { host: string, port: number }): TLSSocket {
    const session = sessions.take()
    const socket = connectTls({
      ...over,
      host,
      servername: serverName(url),
      ALPNProtocols: ['http/1.1'],
      secureContext: secureContext(),
      ...session === undefined ? {} : { session },
      // Certificates are always verified. A private CA is added with NODE_EXTRA_CA_CERTS.
      rejectUnauthorized: true
    })
    sessions.learnFrom(socket)
    return socket
  }

  async function open (signal?: AbortSignal): Promise<Socket> {
    const over = proxy === undefined ? { host, port } : { socket: await openTunnel(proxy, url, timeoutMs) }
    return await new Promise((resolve, reject) => {
      // A tenant with an http: URL is on this machine, which is reached without a proxy.
      const socket = url.protocol === 'https:' ? secure(over) : connectTcp({ host, port })
      const leave = (): void => { socket.destroy(new Error('nobody waits for the connection')) }
      // The connection timeout of the operating system is two minutes.
      const stopTimer = limitTime(timeoutMs, () => {
        socket.destroy(Object.assign(new Error(`no connection within ${timeoutMs} ms`), { code: 'ETIMEDOUT' }))
      })
      const stopWaiting = (): void => {
        stopTimer()
        signal?.removeEventListener('abort', leave)
      }
      socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
        stopWaiting()
        socket.setNoDelay(true).setKeepAlive(true, keepAliveMs)
        opened('encrypted' in socket ? socket.isSessionReused() ? 'resumed' : 'full' : 'none')
        resolve(socket)
      })
      // This listener stays: without one, an error of the socket while nobody uses it would end the process.
      socket.on('error', (error: Error) => {
        stopWaiting()
        reject(error)
      })
      signal?.addEventListener('abort', leave)
      if (signal?.aborted === true) leave()
    })
  }

  // A connection outlives the request that it is opened for, and what it raises later is in the course of another.
  const outside = AsyncLocalStorage.snapshot()
  return async signal => await outside(open, signal)
}

// Without it Node makes one for each connection, which takes a tenth or more of the CPU time that a connection costs.
const secureContext = lazy(createSecureContext)

const mostSessions = 8

/**
 * TLS sessions that a server has issued for resumption. They are kept only from connections whose certificate was
 * verified, because resumption does not verify it again.
 */
class TlsSessions {
  readonly #sessions: Buffer[] = []

  /**
   * Returns the newest session. A server may accept each session only once (RFC 8446, appendix C.4), so only the last
   * one left is used repeatedly.
   */
  take (): Buffer | undefined {
    return this.#sessions.length > 1 ? this.#sessions.pop() : this.#sessions[0]
  }

  learnFrom (socket: TLSSocket): void {
    let last: Buffer | undefined
    const keep = (): void => {
      if (!socket.authorized || last === undefined) return
      this.#sessions.push(last)
      this.#sessions.splice(0, this.#sessions.length - mostSessions)
      last = undefined
    }
    // With TLS 1.2 this event comes before the certificate is verified, with TLS 1.3 after it.
    socket.on('session', (session: Buffer) => {
      last = session
      keep()
    })
    socket.once('secureConnect', keep)
    // If a connection fails because of its session, the next one makes a full handshake.
    const forget = (): void => { this.#sessions.length = 0 }
    socket.once('error', forget).once('secureConnect', () => { socket.off('error', forget) })
  }
}
