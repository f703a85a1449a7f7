import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A port that forwards to another one with a delay. */
export interface LongWay {
  port: number
  close: () => void
}

/**
 * Starts a TCP proxy that adds a round trip of so many milliseconds between its clients and its target.
 * The kernel accepts connections at once, so the first bytes of a client are held back for the round trip that a TCP
 * handshake would have taken. Slow start and bandwidth limits are not simulated.
 */
export async function startDelay (target: number, roundTripMs: number): Promise<LongWay> {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true, allowHalfOpen: true }, near => {
    const connectedAt = performance.now() + roundTripMs
    const far = connect({ port: target, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    carry(near, far, () => Math.max(connectedAt, performance.now()) + roundTripMs / 2)
    carry(far, near, () => performance.now() + roundTripMs / 2)
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.once('close', () => { sockets.delete(socket) })
      socket.on('error', () => {
        near.destroy()
        far.destroy()
      })
    }
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close () {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
  }
}

function carry (from: Socket, to: Socket, arrival: () => number): void {
  // Timers that expire in the same millisecond may fire in any order, but bytes must keep theirs.
  const underWay: (() => void)[] = []
  const send = (arrive: () => void) => {
    underWay.push(arrive)
    setTimeout(() => { underWay.shift()?.() }, arrival() - performance.now())
  }
  from.on('data', chunk => { send(() => { to.write(chunk) }) })
  from.once('end', () => { send(() => { to.end() }) })
}
