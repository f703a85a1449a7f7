// The building blocks put together as their documentation shows: the session is opened by @fastify/secure-session on every request.
import httpProxy from '@fastify/http-proxy'
import secureSession from '@fastify/secure-session'
import fastify from 'fastify'
import { randomBytes } from 'node:crypto'

const { PORT, UPSTREAM, ACCESS_TOKEN: accessToken, REFRESH_TOKEN: refreshToken } = process.env

const app = fastify({ http: { maxHeaderSize: 32768 } })
await app.register(secureSession, { key: randomBytes(32), cookie: { path: '/', httpOnly: true } })
app.get('/login', async (request, reply) => {
  request.session.set('tokens', { accessToken, refreshToken, expiresAt: Date.now() + 3_600_000 })
  return reply.send('ok')
})
await app.register(httpProxy, {
  prefix: '/api',
  rewritePrefix: '/api',
  upstream: UPSTREAM,
  preHandler: async (request, reply) => { if (request.session.get('tokens') === undefined) return reply.code(401).send() },
  replyOptions: {
    rewriteRequestHeaders: (request, { cookie, ...headers }) => ({
      ...headers,
      authorization: `Bearer ${request.session.get('tokens').accessToken}`
    })
  },
  undici: { connections: 256, pipelining: 1 }
})
await app.listen({ host: '127.0.0.1', port: Number(PORT) })
