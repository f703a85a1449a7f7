import http from 'node:http'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'

export type RequestHandler = (req: http.IncomingMessage, res: http.ServerResponse) => void
export type UpgradeHandler = (req: http.IncomingMessage, socket: Duplex, head: Buffer) => void

/** The handlers and options of the listeners. */
export interface ListenOptions {
  port: number
  tls?: { key: string, cert: string } | undefined
  onRequest: RequestHandler
  onUpgrade?: UpgradeHandler
}

/** Servers on both loopback addresses that share one port. */
export interface Listeners {
  port: number
  close (): Promise<void>
}

interface OpenServer { server: http.Server, sockets: Set<Socket> }

/**
 * Listens on 127.0.0.1 and, if the machine has IPv6, on ::1 with the same port, because `localhost` resolves to either.
 */
export async function listenOnLoopback (options: ListenOptions): Promise<Listeners> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listenOnBoth(options)
    } catch (error) {
      // A port that is free on one address may be in use on the other.
      if (options.port !== 0 || attempt === 5 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
  }
}

async function listenOnBoth (options: ListenOptions): Promise<Listeners> {
  const first = createServer(options)
  await listen(first, '127.0.0.1', options.port)
  const { port } = first.server.address() as AddressInfo
  const servers = [first]
  const second = createServer(options)
  try {
    await listen(second, '::1', port)
    servers.push(second)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EADDRNOTAVAIL' && code !== 'EAFNOSUPPORT') {
      await closeServer(first)
      throw error
    }
  }
  return { port, close: async () => { await Promise.all(servers.map(closeServer)) } }
}

function createServer ({ tls, onRequest, onUpgrade }: ListenOptions): OpenServer {
  const server = tls ? https.createServer(tls, onRequest) : http.createServer(onRequest)
  if (onUpgrade) server.on('upgrade', onUpgrade)
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => { sockets.delete(socket) })
  })
  return { server, sockets }
}

async function listen ({ server }: OpenServer, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, ipv6Only: host === '::1' }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

async function closeServer ({ server, sockets }: OpenServer): Promise<void> {
  await new Promise<void>(resolve => {
    server.close(() => { resolve() })
    // closeAllConnections() leaves upgraded sockets open, and close() waits for them.
    for (const socket of sockets) socket.destroy()
  })
}
