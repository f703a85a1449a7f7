import compress from '@fastify/compress'
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import fastify, { type FastifyError, type FastifyInstance } from 'fastify'
import { once } from 'node:events'
import { ServerResponse, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { gateway } from '../src/gateway.js'
import { accept, hello } from './helpers/engine-sockets.js'
import { asScript } from './helpers/gateway.js'
import { reservePort } from './helpers/ports.js'
import { sendRaw } from './helpers/raw.js'
import { serveHttp } from './helpers/servers.js'
import { cookieOf, freshSession, sessionKey, tenantAt } from './helpers/session-cookie.js'

const portal = 'https://portal.example'
const chart = JSON.stringify({ data: 'x'.repeat(5_000) })

/** An application with plugins of its own, and the gateway below /qlik. The tenant answers a chart's data and `headers`. */
async function startHost (t: Test, prepare: (app: FastifyInstance) => unknown, headers: Record<string, string> = {}) {
  const { server, origin: tenantUrl } = await serveHttp(t, (_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(chart)
  )
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => { accept(socket.on('error', () => {}), request, hello) })
  const { client } = tenantAt(tenantUrl)
  const port = await reservePort()
  const origin = `http://localhost:${port}`
  const app = fastify()
  t.teardown(async () => { await app.close() })
  await prepare(app)
  await app.register(gateway, {
    tenantUrl,
    clientId: client.id,
    clientSecret: client.secret,
    publicUrl: `${origin}/qlik`,
    sessionKeys: sessionKey,
    embedOrigins: [portal]
  })
  app.get('/own', async () => 'the host'.repeat(500))
  await app.listen({ host: '127.0.0.1', port })
  const cookie = await cookieOf(freshSession(), tenantAt(tenantUrl))
  const ask = async (path: string, { method = 'GET', ...headers }: Record<string, string> = {}) =>
    await fetch(`${origin}${path}`, asScript({ method, headers: { cookie, ...headers } }))
  const dial = (path: string) => new WebSocket(`${origin}${path}`.replace('http', 'ws'), { headers: { cookie, origin } })
  return { ask, dial, origin }
}

t.test('an error that a hook of the application raises keeps its status, and is answered as the application ' +
  'answers errors', async t => {
  for (const hook of ['onRequest', 'preHandler'] as const) {
    for (const statusCode of [401, 403, 429, 503]) {
      const { ask } = await startHost(t, app => {
        app.addHook(hook, async request => {
          if (request.url.startsWith('/qlik')) throw Object.assign(new Error('the host says no'), { statusCode })
        })
        app.setErrorHandler<FastifyError>((error, _request, reply) =>
          reply.code(error.statusCode ?? 500).header('x-host', 'yes').send({ said: error.message }))
      })
      for (const path of ['/qlik/api/v1/items', '/qlik/gateway/session']) {
        const answer = await ask(path)
        t.match(
          { status: answer.status, host: answer.headers.get('x-host'), body: await answer.text() },
          { status: statusCode, host: 'yes', body: '{"said":"the host says no"}' },
          `${hook} ${path}`
        )
      }
    }
  }
})

t.test('an answer that a hook of the application gives itself reaches the client as it is', async t => {
  for (const status of [401, 403, 429, 503]) {
    const { ask } = await startHost(t, app => {
      app.addHook('onRequest', async (request, reply) => {
        if (request.url.startsWith('/qlik')) await reply.code(status).header('x-host', 'yes').send('the host says no')
      })
    })
    for (const path of ['/qlik/api/v1/items', '/qlik/gateway/session']) {
      const answer = await ask(path)
      t.same([answer.status, answer.headers.get('x-host'), await answer.text()], [status, 'yes', 'the host says no'], path)
    }
  }
})

t.test('an error of the application that chose no status is a 500 of the application before the gateway saw the request', async t => {
  const { ask } = await startHost(t, app => { app.addHook('onRequest', async () => { throw new Error('a fault of the host') }) })
  t.match(await (await ask('/qlik/api/v1/items')).json(), { statusCode: 500, message: 'a fault of the host' })
})

t.test('@fastify/rate-limit: its 429 reaches the client', async t => {
  const { ask } = await startHost(t, async app => await app.register(rateLimit, { max: 2 }))
  const statuses = []
  for (let count = 0; count < 3; count++) statuses.push((await ask('/qlik/api/v1/items')).status)
  t.same(statuses, [200, 200, 429])
})

t.test('@fastify/cors of the whole application answers preflights in the gateway\'s place; in a scope of the ' +
  'application\'s own routes it does not', async t => {
  const preflight = { method: 'OPTIONS', origin: portal, 'access-control-request-method': 'GET' }
  const { ask: whole } = await startHost(t, async app => await app.register(cors, { origin: 'https://other.example' }))
  const taken = await whole('/qlik/api/v1/items', preflight)
  t.match([taken.status, taken.headers.get('access-control-allow-origin')], [204, 'https://other.example'])
  t.equal(
    (await whole('/qlik/api/v1/items', { origin: portal })).headers.get('access-control-allow-origin'),
    portal,
    'answers are the gateway\'s all the same'
  )

  const { ask: scoped } = await startHost(t, async app => await app.register(async own => {
    await own.register(cors, { origin: 'https://other.example' })
    own.get('/scoped', async () => 'the host')
  }))
  t.equal((await scoped('/scoped')).headers.get('access-control-allow-origin'), 'https://other.example')
  t.equal((await scoped('/qlik/api/v1/items', preflight)).headers.get('access-control-allow-origin'), portal)
})

t.test('@fastify/helmet in a scope of the application\'s own routes changes no answer of the gateway', async t => {
  const { ask } = await startHost(t, async app => await app.register(async own => {
    await own.register(helmet)
    own.get('/scoped', async () => 'the host')
  }), { 'content-security-policy': "frame-ancestors 'self'" })
  t.match((await ask('/scoped')).headers.get('content-security-policy'), /default-src/)
  const { headers } = await ask('/qlik/api/v1/items')
  t.equal(headers.get('content-security-policy')?.includes('default-src'), false)
  t.equal(headers.get('x-frame-options'), null)
  t.equal(headers.get('strict-transport-security'), null)
})

t.test('@fastify/compress leaves bodies whole, and compresses nothing twice', async t => {
  const { ask } = await startHost(t, async app => await app.register(compress))
  const answer = await ask('/qlik/api/v1/items', { 'accept-encoding': 'gzip' })
  t.equal(await answer.text(), chart)
  t.equal((await ask('/own')).headers.get('content-encoding') !== null, true, 'it is at work')
})

const listeners: Record<string, (app: FastifyInstance) => void> = {
  'ws with a path': ({ server }) => {
    new WebSocketServer({ server, path: '/own/socket' }).on('connection', socket => { socket.send('the host') })
  },
  '@fastify/websocket, which answers all of the application\'s': app => {
    app.server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
      const response = new ServerResponse(request)
      response.assignSocket(socket)
      app.routing(request, response)
    })
  },
  'engine.io, which ends what it does not know': ({ server }) => { server.on('upgrade', (_request, socket) => { socket.end() }) }
}

t.test('who listens for upgrades beside the gateway, before or after it, hears of none that are for the gateway', async t => {
  for (const [name, listen] of Object.entries(listeners)) {
    for (const order of ['before', 'after'] as const) {
      const { dial, origin } = await startHost(t, app => {
        if (order === 'before') listen(app)
        else app.addHook('onReady', async () => { listen(app) })
      })
      const socket = dial('/qlik/app/x')
      const [[first]] = await Promise.all([once(socket, 'message'), once(socket, 'open')]) as [[Buffer], unknown]
      t.equal(String(first), 'hello', `${name}, ${order}`)
      socket.terminate()
      const h2c = 'Host: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\n\r\n'
      t.equal(
        (await sendRaw(t, origin, `GET /qlik/assets/x HTTP/1.1\r\n${h2c}`)).status,
        200,
        `an upgrade to HTTP/2 is ignored, ${name}, ${order}`
      )
    }
  }
})

t.test('sockets of the application itself are its own, and what is neither\'s is refused as it says', async t => {
  const { dial, origin } = await startHost(t, ({ server }) => {
    new WebSocketServer({ server, path: '/own/socket' }).on('connection', socket => { socket.send('the host') })
  })
  const socket = dial('/own/socket')
  t.equal(String((await once(socket, 'message'))[0]), 'the host')
  socket.terminate()
  const handshake = `Host: x\r\nOrigin: ${origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
  t.match(await sendRaw(t, origin, `GET /other HTTP/1.1\r\n${handshake}`), { status: 400, body: 'Bad Request' })
  t.match(await sendRaw(t, origin, `GET /qlik/app/x HTTP/1.1\r\n${handshake}`), { status: 401, body: /GW-NO-SESSION/ })
})
