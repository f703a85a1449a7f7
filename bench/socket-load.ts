import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { clientFrame, serverFrames, sizesOf } from './frames.js'
import { startClock, type Duration, type LoadResult } from './load-clock.js'

export interface SocketLoad {
  port: number
  /** Header lines of the upgrade, each with its line end. */
  headers: string
  sockets: number
  /** Bytes of payload of each message. */
  size: number
  /** It begins when all WebSockets are open. */
  duration: Duration
}

const readBuffer = Buffer.alloc(262_144)
const endOfHead = Buffer.from('\r\n\r\n')

/** Sends a message over each of some WebSockets and the next as soon as it is answered. Counts both directions. */
export async function loadSockets ({ port, headers, sockets: count, size, duration }: SocketLoad): Promise<LoadResult> {
  const result: LoadResult = { right: 0, wrong: 0, seconds: 0, latencies: [] }
  const message = clientFrame(size)
  const expected = serverFrames(size).subarray(0, sizesOf(size).plain)
  let ending = false
  let receive: ((socket: Socket, piece: Buffer, length: number) => void)[] = []
  const sockets: Socket[] = []
  try {
    for (let at = 0; at < count; at++) {
      sockets.push(
        await openSocket({ port, headers, size }, (piece, length) => {
          receive[at]?.(sockets[at] as Socket, piece, length)
        })
      )
    }
    const isOver = startClock(result, count, duration)
    const firstAskedAt = performance.now()
    await new Promise<void>((resolve, reject) => {
      let open = count
      receive = sockets.map(() => {
        let at = 0
        let askedAt = firstAskedAt
        return (socket, piece, length) => {
          if (expected.compare(piece, 0, length, at, at + length) !== 0) result.wrong++
          at += length
          if (at < expected.length) return
          at = 0
          result.right += 2
          const now = performance.now()
          result.latencies.push(now - askedAt)
          askedAt = now
          ending = isOver(socket, now) || ending
          if (!ending) socket.write(message)
          else if (--open === 0) resolve()
        }
      })
      for (const socket of sockets) {
        socket.on('error', reject)
        socket.on('end', () => { reject(new Error('The contestant closed a WebSocket.')) })
        socket.write(message)
      }
    })
    return result
  } finally {
    for (const socket of sockets) socket.destroy()
  }
}

/** Opens a WebSocket and passes on what comes behind the 101. */
export async function openSocket (
  { port, headers, size }: Pick<SocketLoad, 'port' | 'headers' | 'size'>,
  receive: (piece: Buffer, length: number) => void
): Promise<Socket> {
  return await new Promise((resolve, reject) => {
    let joined = false
    const take = (length: number, buffer: Uint8Array): boolean => {
      if (joined) {
        receive(buffer as Buffer, length)
        return true
      }
      const head = (buffer as Buffer).subarray(0, length)
      if (head.indexOf(endOfHead) !== length - endOfHead.length || !head.toString('latin1').startsWith('HTTP/1.1 101')) {
        reject(new Error(`The contestant did not accept the WebSocket: ${head.toString('latin1')}`))
        socket.destroy()
      } else {
        joined = true
        resolve(socket)
      }
      return true
    }
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer: readBuffer, callback: take } })
    socket.once('error', reject)
    once(socket, 'connect').then(() => {
      socket.write([
        `GET /app/an-app?size=${size} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${headers}`,
        'Upgrade: websocket\r\nConnection: Upgrade\r\n',
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
      ].join(''))
    }, reject)
  })
}
