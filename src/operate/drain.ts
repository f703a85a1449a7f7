import fp from 'fastify-plugin'
import type { Socket } from 'node:net'

const sweepMs = 250
const silenceMs = 1_000

/**
 * While a server closes, connections that nobody waits on are closed. Node does so once, when it begins, and its
 * reading of idle is narrow: a connection that becomes idle later is kept alive, and one that browsers open ahead of
 * need and never use counts as busy for ever. Either would hold the process until the grace period is over.
 */
export const drainConnections = fp(async app => {
  const openedAt = new Map<Socket, number>()

  function note (socket: Socket): void {
    openedAt.set(socket, performance.now())
    socket.once('close', () => { openedAt.delete(socket) })
  }

  app.server.on('connection', note)
  // The bytes of a handshake are no request: they are counted by the socket below it.
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
