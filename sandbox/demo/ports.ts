import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

// Above the highest port that browsers refuse (10080, Fetch Standard, "port blocking"). Below the ephemeral ports (from 32768
// on Linux, from 49152 elsewhere): an outgoing connection of another process could take one of those before it is used here.
const lowest = 10_081
const end = 32_768

/**
 * Returns a port that nothing listens on: `wanted`, if it is free, else a random one. With 0 it is always a random one.
 * A port is free when it is free on both loopback addresses, since a browser may use either of them for localhost.
 */
export async function choosePort (wanted: number): Promise<number> {
  for (let port = wanted; ; port = randomInt(lowest, end)) {
    if (port !== 0 && await isFree(port, '127.0.0.1') && await isFree(port, '::1')) return port
  }
}

async function isFree (port: number, host: string): Promise<boolean> {
  const server = createServer()
  try {
    server.listen({ port, host, ipv6Only: host === '::1' })
    await once(server, 'listening')
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // A machine without IPv6 has nothing there that could be in the way.
    if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') return true
    if (code === 'EADDRINUSE' || code === 'EACCES') return false
    throw error
  } finally {
    server.close()
  }
}
