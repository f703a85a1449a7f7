import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { promisify } from 'node:util'
import type { Test } from 'tap'

type Counted = { getConnections: (done: (error: Error | null, count: number) => void) => unknown }

/** How many connections a server has. */
export const countConnections = async (server: Counted): Promise<number> => await promisify(server.getConnections.bind(server))()

/** Counts the bytes that a server reads on the connections that are opened from now on. */
export function countBytes (server: Server): () => number {
  // A connection whose upgrade was ignored begins once more.
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => { sockets.add(socket) })
  return () => [...sockets].reduce((bytes, { bytesRead }) => bytes + bytesRead, 0)
}

/** Sees the connections that this process opens from now on, before they are connected. */
export function onDial (t: Test, dialled: (socket: Socket) => void): void {
  const watch = (message: unknown) => { dialled((message as { socket: Socket }).socket) }
  subscribe('net.client.socket', watch)
  t.teardown(() => { unsubscribe('net.client.socket', watch) })
}

/** Finds the gateway's end of a connection that a tenant of this process has accepted. */
export function gatewayEnds (t: Test): (tenantEnd: Socket) => Socket {
  const dialled: Socket[] = []
  onDial(t, socket => { dialled.push(socket) })
  return tenantEnd => dialled.findLast(({ localPort }) => localPort === tenantEnd.remotePort) as Socket
}

/** Serves on a free port of this machine until the test ends. */
export async function serveHttp (t: Test, listener: RequestListener): Promise<{ origin: string, server: Server }> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}
