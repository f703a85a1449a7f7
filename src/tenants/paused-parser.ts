import type { Socket } from 'node:net'
import { isReset } from './reset.js'

/** The part of undici's response parser that is patched here. */
interface Parser {
  paused: boolean
  shouldKeepAlive: boolean
  resume: () => void
  ptr: number
  llhttp: { llhttp_resume: (ptr: number) => void }
}

/**
 * Works around two faults of undici 7, which are fixed in version 8 (nodejs/undici#5474); that version needs Node 22.
 * When the tenant ends a connection while undici's parser is paused for a slow client, an assertion fails in a listener
 * where nobody can catch it, and the process ends. And a reset is taken for the end of an answer without
 * Content-Length, so that a truncated answer looks complete. That is prevented for resets that Node reports as an end, too.
 * Call it before undici gets the connection.
 */
export function endUnread (socket: Socket): void {
  socket.once('end', () => {
    const parser = parserOf(socket)
    if (parser !== undefined && isReset(socket)) parser.shouldKeepAlive = true
    if (parser?.paused !== true) return
    // All bytes have been read by now, so this passes on the end of the answer.
    parser.resume()
    if (!parser.paused) return
    // If the end of the connection ends the answer, the parser pauses again, and undici must not find it paused.
    parser.llhttp.llhttp_resume(parser.ptr)
    parser.paused = false
  })
  socket.once('error', () => {
    const parser = parserOf(socket)
    if (parser !== undefined) parser.shouldKeepAlive = true
  })
}

/** undici keeps the parser under a symbol that it does not export. */
function parserOf (socket: Socket): Parser | undefined {
  const [parser] = Object.getOwnPropertySymbols(socket)
    .filter(({ description }) => description === 'parser')
    .map(symbol => (socket as unknown as Record<symbol, Parser>)[symbol])
  return parser
}
