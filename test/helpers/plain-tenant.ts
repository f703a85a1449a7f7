import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A tenant that is nothing but an HTTP server: it answers as it is told, and remembers what it was asked. */
export interface PlainTenant {
  origin: string
  client: { id: string, secret: string }
  requests: { method: string, url: string }[]
}

export async function startPlainTenant (t: { teardown: (handler: () => void) => void }, answer: (request: IncomingMessage, response: ServerResponse) => void = (_request, response) => { response.end() }): Promise<PlainTenant> {
  const requests: PlainTenant['requests'] = []
  const server = createServer((request, response) => {
    requests.push({ method: request.method as string, url: request.url as string })
    request.resume()
    answer(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, client: { id: 'client', secret: 'secret' }, requests }
}
