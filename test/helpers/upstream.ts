import { once } from 'node:events'
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type RequestListener } from 'node:http'
import type { Test } from 'tap'
import { startGateway, type GatewayOptions } from './gateway.js'
import { serveHttp } from './servers.js'

/** A gateway before an upstream that answers as told and keeps what it received. */
export async function startBeforeUpstream (t: Test, listener: RequestListener, options: GatewayOptions = {}) {
  const received: { method: string, url: string, headers: IncomingHttpHeaders, rawHeaders: string[] }[] = []
  const upstream = await serveHttp(t, (request, response) => {
    received.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, rawHeaders: request.rawHeaders })
    listener(request, response)
  })
  const gateway = await startGateway(t, { tenant: upstream, ...options })
  type Asked = { method?: string, headers?: Record<string, string | string[]>, body?: string | Buffer }
  const ask = async (path: string, { method = 'GET', headers = {}, body }: Asked = {}) => {
    const request = httpRequest({
      port: new URL(gateway.origin).port,
      host: '127.0.0.1',
      path,
      method,
      headers: { cookie: gateway.cookie, 'sec-fetch-site': 'same-origin', ...headers }
    })
    request.end(body)
    const [answer] = await once(request, 'response') as [IncomingMessage]
    return answer
  }
  return { ...gateway, upstream, received, ask }
}
