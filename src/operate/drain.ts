import fp from 'fastify-plugin'
import type { Socket } from 'node:net'

const sweepMs = 250
const silenceMs = 1_000

/**
 * Closes idle connections while a server closes. Node does that only once, at the beginning, and with a narrow notion
 * of idle: a connection that becomes idle later is kept alive, and one that a browser opened in advance and never used
 * counts as busy. Either would keep the process alive until the grace period ends.
 */
export const drainConnections = fp(async app => {
  const openedAt = new Map<Socket, number>()

  function note (socket: Socket): void {
    // A request whose upgrade was ignored is read as if its connection began with it.
    if (openedAt.has(socket)) return
    openedAt.set(socket, performance.now())
    socket.once('close', () => { openedAt.delete(socket) })
  }

  app.server.on('connection', note)
  // The bytes of a TLS handshake are no request. They are counted on the socket below.
  app.server.on('secureConnection', note)

  function sweep (): void {
    app.server.closeIdleConnections()
    for (const [socket, since] of openedAt) {
      if (socket.bytesRead === 0 && since + silenceMs <= performance.now()) socket.destroy()
    }
  }

  app.addHook('preClose', async () => {
    sweep()
    const timer = setInterval(sweep, sweepMs).unref()
    app.server.once('close', () => { clearInterval(timer) })
  })
}, { name: 'drain-connections', fastify: '5.x' })
