// @fastify/http-proxy with a static header: what forwarding costs before anybody is logged in.
import httpProxy from '@fastify/http-proxy'
import fastify from 'fastify'

const { PORT, UPSTREAM, AUTHORIZATION: authorization } = process.env
const rewriteHeaders = headers => ({ ...headers, authorization })

const app = fastify({ http: { maxHeaderSize: 32768 } })
for (const prefix of ['/api', '/qlik-embed', '/resources', '/app']) {
  await app.register(httpProxy, {
    prefix,
    rewritePrefix: prefix,
    upstream: UPSTREAM,
    websocket: prefix === '/app',
    replyOptions: { rewriteRequestHeaders: (_request, headers) => rewriteHeaders(headers) },
    wsClientOptions: { rewriteRequestHeaders: rewriteHeaders },
    undici: { connections: 256, pipelining: 1 }
  })
}
await app.listen({ host: '127.0.0.1', port: Number(PORT) })
