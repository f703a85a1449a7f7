import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import t from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { SALES_APP_ID } from '../../sandbox/data/apps.js'
import { alice, bob } from '../../sandbox/identities.js'
import { createDial } from '../../src/tenants/dial.js'
import { connectUpstream } from '../../src/tenants/handshake.js'
import type { SignalMap, SocketLife } from '../../src/signals.js'
import { createCertificate } from '../helpers/certificate.js'
import { accept, closing, hello, open, outcome, startBeforeRaw } from '../helpers/engine-sockets.js'
import { failureOf } from '../helpers/failure.js'
import { asScript, createClock, startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { sendRaw } from '../helpers/raw.js'
import { serveHttp } from '../helpers/servers.js'

t.test('a refusal of the tenant reaches the browser as that status', async t => {
  const stage = await startGateway(t)
  const browser = await stage.signIn()
  stage.tenant.controls.addFault({ path: '/app/', status: 403, times: 1 })
  const refused = await outcome(open(stage, browser))
  t.equal(refused.status, 403)
  t.ok(refused.body.includes('traceId'), 'with the tenant\'s own body')
})

t.test('a tenant that resets or is not there is a 502', async t => {
  const stage = await startGateway(t)
  const browser = await stage.signIn()
  stage.tenant.controls.addFault({ path: '/app/', reset: true, times: 1 })
  const refused = await outcome(open(stage, browser))
  t.equal(refused.status, 502)
  t.match(refused.body, 'GW-TENANT-UNREACHABLE')
})

t.test('a token that is due is renewed first, and the 101 sets the session', async t => {
  const clock = createClock()
  const stage = await startGateway(t, { clock })
  const browser = await stage.signIn()
  const before = browser.cookies.header(new URL(stage.origin))
  clock.aheadMs = 6 * 3_600_000
  const sockets = Array.from({ length: 5 }, () => open(stage, browser))
  const answers = await Promise.all(sockets.map(outcome))
  t.strictSame(answers.map(({ status }) => status), Array(5).fill(101))
  t.equal(stage.tenant.controls.grants.refresh_token, 1, 'one grant for all')
  const [cookie = ''] = answers[0]?.upgrade?.headers['set-cookie'] ?? []
  t.match(cookie, /^qlik-session=.*HttpOnly/)
  t.equal(answers[0]?.upgrade?.headers['cache-control'], 'no-store')
  t.not(cookie.split(';')[0], before)
  for (const socket of sockets) socket.terminate()
})

t.test('a refused token that is younger than a minute is not replaced', async t => {
  const stage = await startGateway(t)
  const browser = await stage.signIn()
  stage.tenant.controls.endAccessTokens()
  t.equal((await outcome(open(stage, browser))).status, 401)
  t.equal(stage.tenant.controls.grants.refresh_token, 0)
})

t.test('signing out closes the sockets of that session with 4006, and no others', async t => {
  const stage = await startGateway(t)
  const [browser, other] = [await stage.signIn(), await stage.signIn(bob)]
  const sockets = [open(stage, browser), open(stage, browser), open(stage, other)]
  await Promise.all(sockets.map(async socket => { await once(socket, 'message') }))
  const [one, two, three] = sockets as [WebSocket, WebSocket, WebSocket]
  const closed = Promise.all([closing(one), closing(two)])
  await browser.fetch(`${stage.origin}/logout`, { redirect: 'manual' })
  t.match(await closed, [{ code: 4006, reason: 'The login has ended.' }, { code: 4006 }])
  t.equal(three.readyState, WebSocket.OPEN)
  three.terminate()
})

t.test('a session that reaches its end closes its sockets with 4006', async t => {
  const stage = await startGateway(t, { settings: { SESSION_MAX_SECONDS: '2' } })
  const socket = open(stage, await stage.signIn())
  t.match(await closing(socket), { code: 4006 })
})

t.test('a gateway that drains closes sockets with 4003, one after another, and one that was on its way as well', async t => {
  const { server, origin: tenantOrigin } = await serveHttp(t, () => {})
  const held: (() => void)[] = []
  const engine = new WebSocketServer({
    server,
    verifyClient: ({ req }: { req: IncomingMessage }, accept: (accepted: boolean) => void) => {
      if (req.url === '/app/late') held.push(() => { accept(true) })
      else accept(true)
    }
  })
  t.teardown(() => { engine.close() })
  const { app, origin, cookie, signals } = await startGateway(t, { tenant: { origin: tenantOrigin } })
  const connectTo = (name: string) => new WebSocket(`${origin.replace('http', 'ws')}/app/${name}`, { headers: { cookie, origin } })
  const sockets = [connectTo('one'), connectTo('two'), connectTo('three')]
  await Promise.all(sockets.map(async socket => { await once(socket, 'open') }))
  const onItsWay = connectTo('late')
  await until(() => held.length > 0)
  const closed = Promise.all([...sockets, onItsWay].map(closing))
  const ended = once(signals, 'socketClosed')
  const drained = app.close()
  await ended
  for (const accept of held) accept()
  t.match(await closed, Array.from({ length: 4 }, () => ({ code: 4003, reason: 'The gateway is restarting.' })))
  await drained
})

t.test('while it drains, Qlik\'s client is answered that the engine is there, and that its socket is to come later', async t => {
  const stage = await startGateway(t)
  const browser = await stage.signIn()
  const socket = open(stage, browser)
  await once(socket, 'message')
  const closed = closing(socket)
  const drained = stage.app.close()
  t.match(await closed, { code: 4003 })
  t.equal((await browser.fetch(`${stage.origin}/api/v1/user-locale`, asScript())).status, 200)
  const late = open(stage, browser)
  const [, refusal] = await once(late, 'unexpected-response') as [unknown, IncomingMessage]
  t.match([refusal.statusCode, refusal.headers['retry-after']], [503, '2'])
  refusal.resume()
  await drained
})

t.test('a close of the tenant passes with its code and reason, and a lost tenant is 4003', async t => {
  const stage = await startGateway(t)
  const browser = await stage.signIn()
  const [one, two] = [open(stage, browser), open(stage, browser, `/app/${SALES_APP_ID}/identity/two`)]
  await Promise.all([once(one, 'message'), once(two, 'message')])
  const closed = Promise.all([closing(one), closing(two)])
  stage.tenant.engine.closeAll(4204, '{"code":"QEP-104"}')
  t.match(await closed, [{ code: 4204, reason: '{"code":"QEP-104"}' }, { code: 4204 }])
  const three = open(stage, browser)
  await once(three, 'message')
  const lost = closing(three)
  await stage.tenant.close()
  t.match(await lost, { code: /1005|1001|4003|1012|1000/ })
})

t.test('the end of a socket tells who ended it, by which code, and what passed', async t => {
  const { server, origin: tenantOrigin } = await serveHttp(t, () => {})
  const engine = new WebSocketServer({ server })
  const { app, origin, cookie, signals } = await startGateway(t, { tenant: { origin: tenantOrigin } })
  const cases: [by: SocketLife['by'], code: number, end: (client: WebSocket, peer: WebSocket) => unknown][] = [
    ['client', 1000, client => { client.close(1000) }],
    ['client', 1005, client => { client.close() }],
    ['client', 1006, client => { client.terminate() }],
    ['tenant', 1011, (_client, peer) => { peer.close(1011) }],
    ['tenant', 4003, (_client, peer) => { peer.terminate() }],
    ['gateway', 4003, async () => { await app.close() }]
  ]
  for (const [by, code, end] of cases) {
    const client = new WebSocket(`${origin.replace('http', 'ws')}/app/x`, { headers: { cookie, origin } })
    const over = once(signals, 'socketClosed') as Promise<[SocketLife]>
    const [peer] = await once(engine, 'connection') as [WebSocket]
    peer.on('message', (data: Buffer) => { peer.send(data) })
    if (client.readyState !== WebSocket.OPEN) await once(client, 'open')
    client.send('x'.repeat(100))
    await once(client, 'message')
    await Promise.all([once(client, 'close'), end(client, peer)])
    const [life] = await over
    t.match(life, { by, code, sessionId: /^[\w-]{22}$/ }, `${by} ${code}`)
    t.ok(life.bytesFromClient > 100 && life.bytesToClient > 100 && life.milliseconds > 0)
  }
})

t.test('what is no WebSocket upgrade is refused', async t => {
  const stage = await startGateway(t)
  const browser = await stage.signIn()
  const plain = await browser.fetch(`${stage.origin}/app/${SALES_APP_ID}`, asScript())
  t.equal(plain.status, 426)
  t.match(await plain.text(), 'GW-UPGRADE-REQUIRED')
  const upgrade =
    'Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
  const cases: [title: string, request: string, status: number][] = [
    ['another path', `GET /api/v1/items HTTP/1.1\r\n${upgrade}\r\n`, 400],
    ['an encoded prefix', `GET /%61pp/x HTTP/1.1\r\n${upgrade}\r\n`, 404],
    ['a dot segment', `GET /app/../api HTTP/1.1\r\n${upgrade}\r\n`, 400],
    ['an absolute form', `GET http://evil.example/app/x HTTP/1.1\r\n${upgrade}\r\n`, 400],
    ['another method', `POST /app/x HTTP/1.1\r\n${upgrade}Content-Length: 2\r\n\r\nhi`, 400],
    ['another version', `GET /app/x HTTP/1.1\r\n${upgrade.replace('13', '8')}\r\n`, 400],
    ['a body', `GET /app/x HTTP/1.1\r\n${upgrade}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['no key', `GET /app/x HTTP/1.1\r\n${upgrade.replace(/Sec-WebSocket-Key.*\r\n/, '')}\r\n`, 400]
  ]
  for (const [title, request, status] of cases) {
    const logged = once(stage.signals, 'answered')
    t.equal((await sendRaw(t, stage.origin, request)).status, status, title)
    const [, reply] = await logged as SignalMap['answered']
    t.equal(reply.statusCode, status, `${title} leaves a line in the log`)
  }
  t.equal(stage.tenant.controls.requests.filter(({ upgrade }) => upgrade).length, 0)
})

t.test('a frame that is under way is completed before the gateway\'s own close', async t => {
  const { dial, origin, cookie, accepted } = await startBeforeRaw(t, (socket, request) => {
    accept(socket, request, hello.subarray(0, 4))
  })
  const socket = dial()
  await once(socket, 'open')
  const seen: string[] = []
  socket.on('message', (data: Buffer) => seen.push(data.toString()))
  const closed = closing(socket)
  await fetch(`${origin}/logout`, { headers: { cookie }, redirect: 'manual' })
  const { _socket: connection } = socket as unknown as { _socket: Socket }
  const before = connection.bytesRead
  accepted[0]?.write(hello.subarray(4, 5))
  await until(() => connection.bytesRead > before)
  accepted[0]?.write(Buffer.concat([hello.subarray(5), hello]))
  t.match(await closed, { code: 4006 })
  t.same(seen, ['hello'], 'and nothing behind it')
})

t.test('a tenant that is lost between frames is 4003, in the middle of a frame the connection breaks', async t => {
  const { dial, accepted } = await startBeforeRaw(t, (socket, request) => {
    accept(socket, request, accepted.length === 1 ? hello : hello.subarray(0, 3))
  })
  const [one, two] = [dial(), dial()]
  await Promise.all([once(one, 'open'), once(two, 'open')])
  const outcomes = Promise.all([closing(one), closing(two)])
  for (const socket of accepted) socket.destroy()
  t.same((await outcomes).map(({ code }) => code).sort((one, other) => one - other), [1006, 4003])
})

t.test('a browser that leaves in any phase takes the tenant\'s connection with it', async t => {
  let answer = true
  const { dial, accepted, origin, cookie } = await startBeforeRaw(t, (socket, request) => {
    if (answer) accept(socket, request)
    socket.resume().once('end', () => socket.end())
  })
  const socket = dial()
  await once(socket, 'open')
  socket.terminate()
  await until(() => accepted[0]?.destroyed === true)
  answer = false
  const waiting = connect(Number(new URL(origin).port), '127.0.0.1')
  waiting.on('error', () => {})
  waiting.write(
    `GET /app/x HTTP/1.1\r\nHost: x\r\nOrigin: ${origin}\r\nCookie: ${cookie}\r\nConnection: Upgrade\r\n` +
    'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
  )
  await until(() => accepted.length === 2)
  waiting.resetAndDestroy()
  await until(() => accepted[1]?.destroyed === true)
  answer = true
  const half = dial()
  await once(half, 'open')
  ;(half as unknown as { _socket: Socket })._socket.end()
  await until(() => accepted[2]?.destroyed === true)
  t.pass('the process lives and nothing is left')
})

t.test('a browser that does not answer a close is cut, also when a frame never ends', async t => {
  const { accepted, origin, cookie, app } = await startBeforeRaw(t, (socket, request) => {
    accept(socket, request, accepted.length === 1 ? hello : hello.subarray(0, 3))
  })
  const stubborn = [0, 1].map(() => connect({ port: Number(new URL(origin).port), host: '127.0.0.1', allowHalfOpen: true }))
  for (const socket of stubborn) {
    socket.write(
      `GET /app/x HTTP/1.1\r\nHost: x\r\nOrigin: ${origin}\r\nCookie: ${cookie}\r\nConnection: Upgrade\r\n` +
      'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
    )
    socket.on('error', () => {}).resume()
  }
  await until(() => accepted.length === 2)
  await until(() => stubborn.every(socket => socket.bytesRead >= 130))
  t.teardown(() => { for (const socket of stubborn) socket.destroy() })
  t.equal(accepted.length, 2)
  await fetch(`${origin}/logout`, { headers: { cookie }, redirect: 'manual' })
  await app.close()
  t.pass('and the gateway could close')
})

t.test('a refused token is replaced once before the tenant\'s refusal counts', async t => {
  const clock = { ahead: 0 }
  const stage = await startGateway(t, { clock: { now: () => Date.now() + clock.ahead } })
  const browser = await stage.signIn()
  clock.ahead = 61_000
  stage.tenant.controls.endAccessTokens()
  const socket = open(stage, browser)
  const opened = await outcome(socket)
  t.equal(opened.status, 101)
  t.match(opened.upgrade?.headers['set-cookie']?.[0], /^qlik-session=/)
  socket.terminate()
  clock.ahead += 61_000
  stage.tenant.controls.endAccessTokens()
  stage.tenant.controls.addFault({ path: '/oauth/token', status: 503 })
  t.equal((await outcome(open(stage, browser))).status, 401, 'the tenant\'s own when there is no other token')
  stage.tenant.controls.faults.clear()
  clock.ahead += 61_000
  stage.tenant.controls.revokeAll(alice.id)
  const ended = await outcome(open(stage, browser))
  t.equal(ended.status, 401)
  t.match(ended.body, 'GW-NO-SESSION')
})

t.test('a session that ends while the tenant is asked gets no socket', async t => {
  const waiting: (() => void)[] = []
  const { dial, origin, cookie, accepted } = await startBeforeRaw(t, (socket, request) => {
    socket.resume().once('end', () => socket.end())
    waiting.push(() => { accept(socket, request) })
  })
  const socket = dial()
  const refused = outcome(socket)
  await until(() => waiting.length === 1)
  await fetch(`${origin}/logout`, { headers: { cookie }, redirect: 'manual' })
  waiting[0]?.()
  t.equal((await refused).status, 401)
  await until(() => accepted[0]?.destroyed === true)
})

t.test('the tenant\'s certificate is verified, and a silent tenant is given up', async t => {
  const { key, cert } = createCertificate(['localhost'])
  const secure = createTlsServer({ key, cert }, socket => { socket.on('error', () => {}) })
  secure.listen(0, '127.0.0.1')
  await once(secure, 'listening')
  t.teardown(() => { secure.close() })
  const port = (secure.address() as AddressInfo).port
  const { origin, cookie } = await startGateway(t, { tenant: { origin: `https://localhost:${port}` } })
  const refused = await outcome(new WebSocket(`${origin.replace('http', 'ws')}/app/x`, { headers: { cookie, origin } }))
  t.equal(refused.status, 502)
  t.equal((await fetch(`${origin}/api/x`, { headers: { cookie } })).status, 502)
  const { origin: silent } = await serveHttp(t, () => {})
  t.match(
    await failureOf(
      connectUpstream(
        { dial: createDial(new URL(silent), {}) },
        { path: '/app/x', headers: {}, signal: new AbortController().signal, timeoutMs: 100 }
      )
    ),
    { code: 'GW-TENANT-TIMEOUT' }
  )
})
