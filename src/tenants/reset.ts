import type { Socket } from 'node:net'

/**
 * Whether a connection that ends was reset. libuv reports a reset as an ordinary end if it arrives together with data,
 * and over TLS, so that a truncated answer without a length would look complete. The system no longer knows the peer of
 * a connection that was reset.
 * Call it when the socket emits `end`, and read the peer's address nowhere before: Node remembers it.
 */
export function isReset (socket: Socket): boolean {
  return socket.remotePort === undefined
}
