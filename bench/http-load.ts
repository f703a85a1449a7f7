import { connect, type Socket } from 'node:net'
import { createAnswerReader } from './answer-reader.js'
import { startClock, type Duration, type LoadResult } from './load-clock.js'

export interface HttpLoad {
  port: number
  connections: number
  /** The requests as bytes, which all connections send in turn, or a function that makes the next one. */
  requests: readonly Buffer[] | (() => Buffer)
  /** The expected body of each answer. */
  body: Buffer
  duration: Duration
  /** The run ends after this many answers too. */
  answers?: number
}

/**
 * Sends requests over some kept-alive connections, each one immediately after the previous answer. Raises an error if a
 * connection breaks.
 */
export async function loadHttp ({ port, connections, requests, body, duration, answers = Infinity }: HttpLoad): Promise<LoadResult> {
  const result: LoadResult = { right: 0, wrong: 0, seconds: 0, latencies: [] }
  const sockets: Socket[] = []
  let turn = 0
  const next = typeof requests === 'function' ? requests : () => requests[turn++ % requests.length] as Buffer
  let ending = false
  const isOver = startClock(result, connections, duration)

  await new Promise<void>((resolve, reject) => {
    let open = connections
    function converse (): void {
      let askedAt = 0
      const reader = createAnswerReader(body, right => {
        const now = performance.now()
        if (right) {
          result.right++
          result.latencies.push(now - askedAt)
        } else result.wrong++
        ending = isOver(socket, now) || result.right + result.wrong >= answers || ending
        if (ending) socket.destroy()
        else ask(now)
      })
      const socket = connect({
        port,
        host: '127.0.0.1',
        noDelay: true,
        // One buffer for all reads: each piece is checked before the next read.
        onread: { buffer: readBuffer, callback: (length, buffer) => { reader(buffer as Buffer, length); return true } }
      }, () => { ask(performance.now()) })
      const ask = (now: number) => {
        askedAt = now
        socket.write(next())
      }
      sockets.push(socket)
      socket.on('error', reject)
      socket.on('end', () => { reject(new Error('The contestant closed a connection that is to be kept alive.')) })
      socket.on('close', () => { if (--open === 0) resolve() })
    }
    for (let count = 0; count < connections; count++) converse()
  }).finally(() => { for (const socket of sockets) socket.destroy() })
  return result
}

const readBuffer = Buffer.alloc(262_144)
