import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { HandshakeKind } from '../signals.js'
import { bareHost, openTunnel, portOf, proxyFor, type OutboundProxies } from './outbound-proxy.js'

/**
 * Opens a connection to one host, TLS included. Rejects with the error of the system, of TLS or of the proxy, and when `signal` gives up.
 */
export type Dial = (signal?: AbortSignal) => Promise<Socket>

export interface DialOptions {
  timeoutMs?: number
  opened?: (handshake: HandshakeKind) => void
}

// Routers and NAT on the way forget a connection that is silent for some minutes, and tell nobody.
const keepAliveMs = 30_000

/**
 * Directly or through the network's proxy. A TLS session that a connection has brought is resumed by later ones (RFC
 * 8446, section 2.2).
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
      servername: isIP(host) === 0 ? host : '',
      ALPNProtocols: ['http/1.1'],
      ...session === undefined ? {} : { session },
      // Verification is never off. Private authorities come by NODE_EXTRA_CA_CERTS.
      rejectUnauthorized: true
    })
    sessions.learnFrom(socket)
    return socket
  }

  return async signal => {
    const over = proxy === undefined ? { host, port } : { socket: await openTunnel(proxy, url, timeoutMs) }
    return await new Promise((resolve, reject) => {
      // A tenant of http is on this machine, which is reached without a proxy.
      const socket = url.protocol === 'https:' ? secure(over) : connectTcp({ host, port })
      const leave = (): void => { socket.destroy(new Error('nobody waits for the connection')) }
      // The system's own time-out is two minutes.
      const timer = setTimeout(() => {
        socket.destroy(Object.assign(new Error(`no connection within ${timeoutMs} ms`), { code: 'ETIMEDOUT' }))
      }, timeoutMs)
      const stopWaiting = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', leave)
      }
      socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
        stopWaiting()
        socket.setNoDelay(true).setKeepAlive(true, keepAliveMs)
        opened('encrypted' in socket ? socket.isSessionReused() ? 'resumed' : 'full' : 'none')
        resolve(socket)
      })
      // It stays: a connection that breaks while nobody listens would end the process.
      socket.on('error', (error: Error) => {
        stopWaiting()
        reject(error)
      })
      signal?.addEventListener('abort', leave)
      if (signal?.aborted === true) leave()
    })
  }
}

const mostSessions = 8

/**
 * What a server has given to resume TLS by. Only of connections whose certificate was verified: that of a resumed one
 * is not looked at again.
 */
class TlsSessions {
  readonly #sessions: Buffer[] = []

  /** The newest. A server may take each of them only once, so that the last alone is used again. */
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
    // Before the certificate is verified with TLS 1.2, behind that with 1.3.
    socket.on('session', (session: Buffer) => {
      last = session
      keep()
    })
    socket.once('secureConnect', keep)
    // Should a connection fail for its session, the next one begins anew.
    const forget = (): void => { this.#sessions.length = 0 }
    socket.once('error', forget).once('secureConnect', () => { socket.off('error', forget) })
  }
}
