import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { write, type Sender } from './messages.js'
import type { Connection, Request } from './plan.js'

/** What became of one connection. */
export interface Outcome {
  received: Buffer
  /** How many of its requests were sent whole, of a socket its handshake. */
  sent: number
  /** Whether everything was sent, the frames of a socket too. */
  isWhole: boolean
  /** Whether the gateway ended it, or broke it off. */
  ended: boolean
  broken: boolean
}

export interface Sending extends Sender {
  port: number
  idOf: (request: number) => string
  /** Resolves when the gateway has taken the connection that comes from a port. */
  isTaken: (port: number) => Promise<void>
  /** Whether all is there that can be expected of what was received. */
  isEnough: (outcome: Outcome) => boolean
}

const lookMs = 20
// An answer may take a moment, longer than the gateway waits for a connection: what is looked for is one that never
// comes. Ticks in place of a time, since a busy machine makes them longer.
const tickMs = 100
const mostTicks = 120
// Nobody waits so long for what nobody promises: the answer of a tenant that is mute, or that of which no more is read.
const unpromisedTicks = 4

/** Sends the requests of one connection as it is planned, takes what comes, and leaves nothing open. */
export async function runConnection (
  { requests, cuts, until, ending, reading }: Connection,
  { port, idOf, isTaken, isEnough, ...sender }: Sending
): Promise<Outcome> {
  const written = requests.map((request, at) => write(request, idOf(at), sender))
  const bytes = Buffer.concat(written)
  const end = Math.floor(bytes.length * until / 1_000)
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const chunks: Buffer[] = []
  const outcome: Outcome = {
    received: Buffer.alloc(0), sent: countSent(requests, written, end), isWhole: end === bytes.length, ended: false, broken: false
  }
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
  await once(socket, 'connect')
  // Of many at the same time Node takes one in each turn of its loop.
  await isTaken(socket.localPort as number)

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
    const isPromised = (reading === undefined || reading.forMs !== undefined) && !requests.some(mayBeSilent)
    const holds = () => outcome.ended || isEnough({ ...outcome, received: Buffer.concat(chunks) })
    await waitFor(socket, isPromised ? mostTicks : unpromisedTicks, holds)
    // For what should not come.
    await wait(lookMs)
  }
  outcome.received = Buffer.concat(chunks)
  outcome.ended ||= outcome.broken
  if (!socket.closed) {
    socket.destroy()
    await once(socket, 'close')
  }
  return outcome
}

/** Waits until something holds, which it looks at when something has come, or until nothing has come for so many ticks. */
async function waitFor (socket: Socket, ticks: number, holds: () => boolean): Promise<void> {
  let hasNews = true
  const note = () => { hasNews = true }
  socket.on('data', note).on('end', note).on('close', note)
  for (let silent = 0; silent < ticks; silent++) {
    if (!hasNews) await wait(tickMs)
    if (!hasNews) continue
    await wait(lookMs)
    hasNews = false
    silent = 0
    if (socket.destroyed || holds()) return
  }
}

function countSent (requests: Request[], written: Buffer[], end: number): number {
  let at = 0
  let sent = 0
  for (const [number, bytes] of written.entries()) {
    // The engine answers a handshake before it has a frame.
    const needed = requests[number]?.kind === 'socket' ? bytes.indexOf('\r\n\r\n') + 4 : bytes.length
    // Nothing behind a handshake or what is no HTTP is a request.
    if (at + needed > end || (sent > 0 && isLast(requests[sent - 1] as Request))) break
    at += bytes.length
    sent++
  }
  return sent
}

/** Whether the tenant may leave a request without an end, which the gateway then waits for. */
export function mayBeSilent (request: Request): boolean {
  return request.kind !== 'bad' && request.kind !== 'probe' && request.script.fault === 'mute'
}

/** Whether a connection carries no requests behind this one. */
export const isLast = ({ kind }: Request) => kind === 'socket' || kind === 'bad'

export const wait = async (ms: number) => { await new Promise(resolve => setTimeout(resolve, ms)) }
