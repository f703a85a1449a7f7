import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'

/** A port that nothing listens on: `wanted` if it is free on both loopback addresses (a browser takes either for localhost), else any. */
export async function choosePort (wanted: number): Promise<number> {
  for (const host of ['127.0.0.1', '::1']) {
    if (await probe(wanted, host) === undefined) return await choosePort(0)
  }
  return wanted === 0 ? await probe(0, '127.0.0.1') as number : wanted
}

/** The port that could be listened on, or undefined when something else does. */
async function probe (port: number, host: string): Promise<number | undefined> {
  const server = createServer()
  try {
    server.listen({ port, host, ipv6Only: host === '::1' })
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // A machine without IPv6 has nothing there that could be in the way.
    if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') return port
    if (code === 'EADDRINUSE' || code === 'EACCES') return undefined
    throw error
  } finally {
    server.close()
  }
}
