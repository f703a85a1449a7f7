import { once } from 'node:events'
import { connect } from 'node:net'
import { write, type Sender } from './messages.js'
import type { Connection, Request } from './plan.js'

/** What became of one connection. */
export interface Outcome {
  received: Buffer
  /** How many of its requests were sent whole. */
  sent: number
  /** Whether the gateway ended it, or broke it off. */
  ended: boolean
  broken: boolean
}

export interface Sending extends Sender {
  port: number
  idOf: (request: number) => string
  /** Whether all is there that can be expected of what was received. */
  isEnough: (received: Buffer, sent: number) => boolean
}

const tickMs = 20
const mostTicks = 350

/** Sends the requests of one connection as it is planned, takes what comes, and leaves nothing open. */
export async function runConnection ({ requests, cuts, until, ending, reading }: Connection, { port, idOf, isEnough, ...sender }: Sending): Promise<Outcome> {
  const written = requests.map((request, at) => write(request, idOf(at), sender))
  const bytes = Buffer.concat(written)
  const end = Math.floor(bytes.length * until / 1_000)
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const chunks: Buffer[] = []
  const outcome: Outcome = { received: Buffer.alloc(0), sent: countSent(requests, written, end), ended: false, broken: false }
  let read = 0
  let stopped = false
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    read += chunk.length
    if (reading === undefined || stopped || read < reading.stopsAfter) return
    stopped = true
    socket.pause()
    if (reading.forMs !== undefined) setTimeout(() => { socket.resume() }, reading.forMs)
  })
  socket.on('error', () => { outcome.broken = true }).once('end', () => { outcome.ended = true })
  await new Promise(resolve => { socket.once('connect', resolve).once('close', resolve) })

  let at = 0
  for (const cut of [...cuts].sort((one, other) => one.at - other.at)) {
    const next = Math.min(end, Math.floor(bytes.length * cut.at / 1_000))
    socket.write(bytes.subarray(at, next))
    at = Math.max(at, next)
    await wait(cut.pauseMs)
  }
  if (at < end) socket.write(bytes.subarray(at, end))

  if (ending === 'reset') socket.resetAndDestroy()
  else if (ending === 'leaves') socket.destroy()
  else {
    if (ending === 'half') socket.end()
    const mayWait = reading?.forMs !== undefined || reading === undefined
    for (let tick = 0; tick < (mayWait ? mostTicks : 20); tick++) {
      // An answer may take a moment: what is looked for is one that never comes.
      await wait(tickMs)
      if (outcome.ended || socket.destroyed || isEnough(Buffer.concat(chunks), outcome.sent)) break
    }
    await wait(tickMs)
  }
  outcome.received = Buffer.concat(chunks)
  outcome.ended ||= outcome.broken
  if (!socket.closed) {
    socket.destroy()
    await once(socket, 'close')
  }
  return outcome
}

function countSent (requests: Request[], written: Buffer[], end: number): number {
  let at = 0
  let sent = 0
  for (const bytes of written) {
    at += bytes.length
    // Nothing behind a handshake or what is no HTTP is a request.
    if (at > end || (sent > 0 && isLast(requests[sent - 1] as Request))) break
    sent++
  }
  return sent
}

/** Whether a connection carries no requests behind this one. */
export const isLast = ({ kind }: Request) => kind === 'socket' || kind === 'bad'

export const wait = async (ms: number) => { await new Promise(resolve => setTimeout(resolve, ms)) }
