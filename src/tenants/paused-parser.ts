import type { Socket } from 'node:net'

/** What undici reads the answers of a connection with, as far as it is mended here. */
interface Parser {
  paused: boolean
  shouldKeepAlive: boolean
  resume: () => void
  ptr: number
  llhttp: { llhttp_resume: (ptr: number) => void }
}

/**
 * Lets the tenant end a connection of undici's while a slow client holds its answer back. Version 7 asserts that this
 * never happens, in a listener where nobody can catch it, and the process would end; version 8 is mended
 * (nodejs/undici#5474), and needs Node 22. It also takes a reset for the end of an answer that has no length: one that
 * was cut would look whole. To be called before undici gets the connection.
 */
export function endUnread (socket: Socket): void {
  socket.once('end', () => {
    const parser = parserOf(socket)
    if (parser?.paused !== true) return
    // All bytes are read by now: what this passes on is the end of the answer.
    parser.resume()
    if (!parser.paused) return
    // Where the end of the connection is that of the answer it pauses again, and may not be found so.
    parser.llhttp.llhttp_resume(parser.ptr)
    parser.paused = false
  })
  socket.once('error', () => {
    const parser = parserOf(socket)
    if (parser !== undefined) parser.shouldKeepAlive = true
  })
}

/** Undici keeps it under a symbol that it does not export. */
function parserOf (socket: Socket): Parser | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'parser')
  return symbol === undefined ? undefined : (socket as unknown as Record<symbol, Parser>)[symbol]
}
