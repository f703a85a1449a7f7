import fastify, { LogController } from 'fastify'
import { once } from 'node:events'
import { createServer as createHttpsServer } from 'node:https'
import { createServer, type AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import t, { type Test } from 'tap'
import { Agent, request as undiciRequest } from 'undici'
import { WebSocket, WebSocketServer } from 'ws'
import { GatewayError } from '../../src/errors.js'
import { gateway, type GatewayOptions } from '../../src/gateway.js'
import { createMetrics } from '../../src/operate/metrics.js'
import { createSignals, refusalSources } from '../../src/signals.js'
import { createDial } from '../../src/tenants/dial.js'
import { connectUpstream } from '../../src/tenants/handshake.js'
import { tenantFailureOf, toTenantError } from '../../src/tenants/tenant-error.js'
import { createCertificate } from '../helpers/certificate.js'
import { failureOf } from '../helpers/failure.js'
import { openRaw } from '../helpers/raw.js'
import { serveHttp } from '../helpers/servers.js'
import { cookieOf, freshSession, sessionKey, tenantAt } from '../helpers/session-cookie.js'
import { until } from '../helpers/log.js'
import { reservePort } from '../helpers/ports.js'

/** A gateway before an upstream that answers with the status in its path, a session, and the lines of the log. */
async function start (t: Test, options: Partial<GatewayOptions> = {}) {
  const tenant = await serveHttp(t, (request, response) => {
    const tokens = { access_token: 'new', refresh_token: 'newer', token_type: 'bearer', expires_in: 3600 }
    if (request.url === '/oauth/token') response.setHeader('content-type', 'application/json').end(JSON.stringify(tokens))
    else if (request.url?.includes('endless') === true) response.write('begun')
    else response.writeHead(Number(/\d{3}$/.exec(request.url as string)?.[0] ?? 404)).end()
  })
  const engine = new WebSocketServer({ server: tenant.server })
  const lines: Record<string, unknown>[] = []
  const stream = new Writable({
    write (line: Buffer, _encoding, done) {
      lines.push(JSON.parse(line.toString()) as Record<string, unknown>)
      done()
    }
  })
  const app = fastify({ logger: { level: 'debug', stream }, logController: new LogController({ disableRequestLogging: true }) })
  t.teardown(async () => { await app.close() })
  const port = await reservePort()
  const signals = createSignals()
  await app.register(gateway, {
    signals,
    tenantUrl: tenant.origin,
    clientId: 'id',
    clientSecret: 'secret',
    publicUrl: `http://localhost:${port}`,
    sessionKeys: sessionKey,
    publicFolder: `${process.cwd()}/public`,
    ...options
  })
  await app.listen({ port, host: '127.0.0.1' })
  const session = freshSession()
  const told = (msg: string) => lines.filter(line => line.msg === msg)
  return {
    app,
    signals,
    tenant: tenant.origin,
    engine,
    session,
    cookie: await cookieOf(session, tenantAt(tenant.origin)),
    told,
    origin: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`,
    publicOrigin: `http://localhost:${port}`
  }
}

t.test('each request is one line: its route, how it ended, how long it and the tenant took, and a reference of its session', async t => {
  const { app, told, cookie, session } = await start(t)
  const cases: [url: string, expected: object][] = [
    ['/api/v1/200',
      { level: 30, method: 'GET', route: '/api', status: 200, tenantMilliseconds: Number, milliseconds: Number, session: /^[\w-]{12}$/ }],
    ['/api/v1/items?secret&404', { level: 40, route: '/api', status: 404 }],
    ['/api/v1/502', { level: 50, route: '/api', status: 502 }],
    ['/gateway/check', { level: 30, route: '/gateway/check', status: 204 }],
    ['/readyz', { level: 20, route: '/readyz', status: 200 }],
    ['/nowhere', { level: 40, route: 'none', status: 404 }]
  ]
  for (const [url, expected] of cases) {
    await app.inject({ url, headers: { cookie } })
    await until(() => told('request').length > 0 && told('request').at(-1)?.route === (expected as { route: string }).route)
    t.match(told('request').at(-1), expected, url)
  }
  t.equal(told('request').length, cases.length)
  const references = new Set(told('request').map(line => line.session))
  t.equal(references.size, 2, 'the reference is the same on every line of the session, and missing where nothing asked for it')
  t.notMatch(JSON.stringify([...references]), session.id)
  t.notMatch(JSON.stringify(told('request')), 'secret')
})

t.test('a request that failed upstream says what failed: the name, the connection, TLS, a reset, or what came', async t => {
  const { key, cert } = createCertificate(['localhost'])
  const secure = createHttpsServer({ key, cert }).listen(0, '127.0.0.1')
  const broken = createServer(socket => { socket.once('data', () => { socket.destroy() }) }).listen(0, '127.0.0.1')
  const garbled = createServer(socket => { socket.end('what is no answer\r\n\r\n') }).listen(0, '127.0.0.1')
  const ports = await Promise.all([secure, broken, garbled].map(async server => {
    t.teardown(() => { server.close() })
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }))
  const cases: [tenantUrl: string, upstream: string, code?: string][] = [
    ['https://tenant.invalid', 'name'],
    [`http://127.0.0.1:${await reservePort()}`, 'connect'],
    [`https://localhost:${ports[0]}`, 'tls'],
    [`http://127.0.0.1:${ports[1]}`, 'reset'],
    [`http://127.0.0.1:${ports[2]}`, 'answer']
  ]
  for (const [tenantUrl, upstream] of cases) {
    const { app, told, origin, publicOrigin } = await start(t, { tenantUrl })
    const lines = () => told('request')
    await app.inject('/assets/main.js')
    await until(() => lines().length === 1)
    t.match(lines(), [{ level: 50, status: 502, code: 'GW-TENANT-UNREACHABLE', upstream }], `${upstream}: a request`)

    const session = freshSession()
    const socket = new WebSocket(`${origin.replace('http', 'ws')}/app/x`, {
      headers: { cookie: await cookieOf(session, tenantAt(tenantUrl)), origin: publicOrigin }
    })
    socket.on('error', () => {})
    await until(() => lines().length === 2)
    t.match(lines()[1], { level: 50, route: '/app', code: 'GW-TENANT-UNREACHABLE', upstream }, `${upstream}: a socket`)

    const due = { ...session, grant: { ...session.grant, endsAt: Date.now() - 1_000 } }
    await app.inject({ url: '/api/v1/items', headers: { cookie: await cookieOf(due, tenantAt(tenantUrl)) } })
    await until(() => lines().length === 3)
    t.match(lines()[2], { level: 50, status: 503, code: 'GW-TENANT-BUSY', upstream }, `${upstream}: a token`)
    t.notMatch(JSON.stringify(lines()), /tenant\.invalid|localhost/)
  }
})

t.test('a tenant that was silent for too long is a time-out, for requests, sockets and tokens alike', async t => {
  const { origin } = await serveHttp(t, () => {})
  const mute = createServer(() => {}).listen(0, '127.0.0.1')
  t.teardown(() => { mute.close() })
  await once(mute, 'listening')
  const dispatcher = new Agent({ headersTimeout: 50 })
  t.teardown(async () => { await dispatcher.destroy() })
  const dial = createDial(new URL(`http://127.0.0.1:${(mute.address() as AddressInfo).port}`), {})
  const silences = [
    undiciRequest(origin, { dispatcher }).catch(toTenantError),
    failureOf(connectUpstream({ dial }, { path: '/app/x', headers: {}, signal: new AbortController().signal, timeoutMs: 50 })),
    fetch(origin, { signal: AbortSignal.timeout(50) }).catch((cause: unknown) => new GatewayError('GW-TENANT-BUSY', { cause }))
  ]
  t.same((await Promise.all(silences)).map(tenantFailureOf), ['time-out', 'time-out', 'time-out'])
  t.equal(tenantFailureOf(new GatewayError('GW-NO-SESSION', { cause: 'a text' })), undefined)
})

t.test('files of the demo page are one route, whatever their names', async t => {
  const { app, told } = await start(t)
  for (const url of ['/', '/index.html', '/favicon.svg', '/scripts/nothing-of-the-kind.js']) await app.inject(url)
  await until(() => told('request').length === 4)
  t.same(told('request').map(({ route, status }) => [route, status]), [['/', 200], ['/', 200], ['/', 200], ['none', 404]])
  t.notMatch(JSON.stringify(told('request')), /index|favicon|scripts/)
})

t.test('a renewal of tokens is a line of the level debug, and counted', async t => {
  const { app, told, signals, session, tenant } = await start(t)
  const metrics = createMetrics(signals)
  const due = { ...session, grant: { ...session.grant, endsAt: Date.now() - 1_000 } }
  await app.inject({ url: '/api/v1/200', headers: { cookie: await cookieOf(due, tenantAt(tenant)) } })
  t.match(told('the tokens of the session were renewed'), [{ level: 20, reqId: String }])
  t.match(await metrics.text(), 'qlik_gateway_refreshes_total{outcome="granted"} 1')
})

t.test('a client that the tenant does not accept is an error in the log, once a minute', async t => {
  const signals = createSignals()
  const { told } = await start(t, { signals })
  for (let time = 0; time < 3; time++) {
    for (const by of refusalSources) signals.emit('tokenRefused', by, new Error(`refused by ${by}`))
  }
  const lines = () => told('the tenant does not accept the OAuth client: check its id and its secret or key; sessions stay')
  await until(() => lines().length > 0)
  t.match(lines(), [{ level: 50, failure: 'refused by client' }])
  t.equal(lines().length, 1)
})

t.test('a request whose client leaves before its answer is complete has its line', async t => {
  const { origin, told, cookie } = await start(t)
  const client = await openRaw(t, origin)
  client.write(`GET /api/v1/endless HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n\r\n`)
  await once(client, 'data')
  client.destroy()
  await until(() => told('request').length === 1)
  t.match(told('request'), [{ level: 30, route: '/api', status: 200, aborted: true }])
})

t.test('a tenant that stops answering is one warning, and one line when it answers again', async t => {
  const { told, signals } = await start(t)
  const answer = (status: number) => { signals.emit('tenantAnswered', { call: 'token' }, status, 1) }
  for (const status of [200, 503, 0, 0, 0, 401, 200, 0]) answer(status)
  await until(() => told('the tenant does not answer: see docs/troubleshooting.md').length === 2)
  t.match(told('the tenant does not answer: see docs/troubleshooting.md'), [{ level: 40, call: 'token' }, { level: 40 }])
  t.match(told('the tenant answers again'), [{ level: 30, call: 'token' }])
  t.equal(told('the tenant answers again').length, 1)
})

t.test('a share of the requests without an error is written, and every error', async t => {
  const { app, told, cookie } = await start(t, { logSample: 0 })
  for (let count = 0; count < 5; count++) await app.inject({ url: '/api/v1/200', headers: { cookie } })
  await app.inject({ url: '/api/v1/500', headers: { cookie } })
  await until(() => told('request').length > 0)
  t.match(told('request'), [{ level: 50, status: 500 }])
  t.equal(told('request').length, 1)
})

t.test('each WebSocket that is over is one line, with the reference of its session', async t => {
  const { app, engine, origin, publicOrigin, told, cookie } = await start(t)
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/app/an-app?secret`, { headers: { cookie, origin: publicOrigin } })
  await Promise.all([once(engine, 'connection'), once(socket, 'open')])
  socket.close(4_001)
  await until(() => told('socket').length === 1)
  await app.inject({ url: '/gateway/check', headers: { cookie } })
  await until(() => told('request').length === 1)
  t.match(told('socket'), [
    {
      level: 30,
      route: '/app',
      by: 'client',
      code: 4_001,
      milliseconds: Number,
      tenantMilliseconds: Number,
      bytesFromClient: Number,
      bytesToClient: Number,
      reqId: String
    }
  ])
  t.equal(told('socket')[0]?.session, told('request')[0]?.session)
  t.notMatch(JSON.stringify(told('socket')), /secret|an-app/)
})
