import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'

/** An answer as it came over the wire. */
export interface RawAnswer { status: number, head: string, body: string }

const silenceMs = 120_000

/**
 * A plain TCP connection to a server on this machine, for bytes that no HTTP client would send. It fails where nothing
 * is sent or received for two minutes, because a test that waits for an answer or an end would stand still.
 */
export async function openRaw (t: Test, origin: string): Promise<Socket> {
  const socket = connect(Number(new URL(origin).port), '127.0.0.1')
  t.teardown(() => { socket.destroy() })
  socket.on('error', () => socket.destroy())
  socket.setTimeout(silenceMs, () => socket.destroy(new Error(`Nothing was sent or received for ${silenceMs / 1000} s`)))
  await once(socket, 'connect')
  return socket
}

/** Sends bytes and reads until the server closes the connection. Empty when it says nothing. */
export async function sendRaw (t: Test, origin: string, bytes: string): Promise<RawAnswer> {
  const socket = await openRaw(t, origin)
  socket.write(bytes, 'latin1')
  return parseRaw(await text(socket))
}

/** The first answer in what a server sent. */
export function parseRaw (received: string): RawAnswer {
  const [head = '', body = ''] = received.split('\r\n\r\n', 2)
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, body }
}
