import type { RequestListener } from 'node:http'
import { serveHttp } from './servers.js'

/** A tenant that is nothing but an HTTP server: it answers as it is told, and remembers what it was asked. */
export interface PlainTenant {
  origin: string
  client: { id: string, secret: string }
  requests: { method: string, url: string }[]
}

export async function startPlainTenant (
  t: Parameters<typeof serveHttp>[0],
  answer: RequestListener = (_request, response) => { response.end() }
): Promise<PlainTenant> {
  const requests: PlainTenant['requests'] = []
  const { origin } = await serveHttp(t, (request, response) => {
    requests.push({ method: request.method as string, url: request.url as string })
    request.resume()
    answer(request, response)
  })
  return { origin, client: { id: 'client', secret: 'secret' }, requests }
}
