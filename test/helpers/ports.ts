import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { choosePort } from '../../sandbox/demo/ports.js'

/**
 * A TCP port of this machine that is the caller's until its process ends, for what must know its address before it listens. No outgoing
 * connection takes it, and no other test: each holds the UDP port of the same number, which nothing else here uses.
 */
export async function reservePort (): Promise<number> {
  for (;;) {
    const port = await choosePort(0)
    const claim = createSocket('udp4').unref()
    try {
      claim.bind({ port, address: '127.0.0.1', exclusive: true })
      await once(claim, 'listening')
      return port
    } catch (error) {
      claim.close()
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
  }
}
