import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import t from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { SALES_APP_ID } from '../../sandbox/data/apps.js'
import { bob } from '../../sandbox/identities.js'
import { createBrowser, type Browser } from '../helpers/browser-jar.js'
import { asScript, startStage, type Stage } from '../helpers/gateway.js'

type Sent = Record<string, string>

/** Opens a socket as a page of the gateway's own origin does. */
function open (stage: Stage, browser: Browser, path = `/app/${SALES_APP_ID}`, headers: Sent = { origin: stage.origin }): WebSocket {
  const url = new URL(path, stage.origin)
  return new WebSocket(url.href.replace(/^http/, 'ws'), { headers: { cookie: browser.cookies.header(url), ...headers } })
}

async function outcome (socket: WebSocket): Promise<{ status: number, body: string, upgrade?: IncomingMessage }> {
  return await new Promise((resolve, reject) => {
    socket.once('upgrade', upgrade => { resolve({ status: 101, body: '', upgrade }) })
    socket.once('unexpected-response', (_request, response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => { body += chunk.toString() })
      response.once('end', () => { resolve({ status: response.statusCode ?? 0, body }) })
    })
    socket.once('error', reject)
  })
}

async function closing (socket: WebSocket): Promise<{ code: number, reason: string }> {
  const [code, reason] = await once(socket, 'close') as [number, Buffer]
  return { code, reason: reason.toString() }
}

function first (stage: Stage) {
  return stage.tenant.controls.requests.filter(({ upgrade }) => upgrade).at(-1)
}

t.test('an upgrade carries the token and nothing of the browser\'s, and the first frame of the engine arrives', async t => {
  const stage = await startStage(t)
  const browser = await stage.signIn()
  const socket = open(stage, browser, `/app/${SALES_APP_ID}/identity/one?reloadUri=x%2Fy&accessToken=mine&qlik-csrf-token=&workloadType=a;b`)
  const [message] = await once(socket, 'message') as [Buffer]
  t.match(message.toString(), /OnConnected/)
  const received = first(stage)
  t.match(received?.headers.authorization, /^Bearer ey/)
  t.match(received, { url: `/app/${SALES_APP_ID}/identity/one?reloadUri=x%2Fy&workloadType=a;b`, headers: { host: new URL(stage.tenant.origin).host } })
  t.notOk(received?.headers.cookie)
  t.notOk(received?.headers.origin)
  socket.close(1000, 'done')
  t.match(await closing(socket), { code: 1000 })
})

t.test('an upgrade that no page of ours sent is refused before the tenant hears of it', async t => {
  const stage = await startStage(t, { settings: { EMBED_ORIGINS: 'https://portal.example' } })
  const browser = await stage.signIn()
  const { csrfToken } = await (await browser.fetch(`${stage.origin}/gateway/session`, asScript())).json() as { csrfToken: string }
  const path = `/app/${SALES_APP_ID}`
  const cases: [string, Sent, string, number, string][] = [
    ['foreign', { origin: 'https://evil.example' }, path, 403, 'GW-FOREIGN-ORIGIN'],
    ['foreign with a valid token', { origin: 'https://evil.example' }, `${path}?qlik-csrf-token=${csrfToken}`, 403, 'GW-FOREIGN-ORIGIN'],
    ['null', { origin: 'null' }, path, 403, 'GW-FOREIGN-ORIGIN'],
    ['a look-alike', { origin: `${stage.origin}.evil.example` }, path, 403, 'GW-FOREIGN-ORIGIN'],
    ['missing', {}, path, 403, 'GW-FOREIGN-ORIGIN'],
    ['an embedder without its token', { origin: 'https://portal.example' }, path, 403, 'CSRF-TOKEN-2'],
    ['a wrong token', { origin: stage.origin }, `${path}?qlik-csrf-token=${csrfToken.slice(1)}`, 403, 'CSRF-TOKEN-2'],
    ['two tokens', {}, `${path}?qlik-csrf-token=${csrfToken}x&qlik-csrf-token=${csrfToken}`, 403, 'CSRF-TOKEN-2']
  ]
  stage.tenant.controls.clear()
  for (const [title, headers, address, status, code] of cases) {
    const refused = await outcome(open(stage, browser, address, headers))
    t.equal(refused.status, status, title)
    t.match(refused.body, code, title)
  }
  const signedOut = await outcome(open(stage, createBrowser()))
  t.equal(signedOut.status, 401)
  t.same(stage.tenant.controls.requests, [])
  for (const [title, headers] of [['a token without an Origin', {}], ['an embedder with its token', { origin: 'https://portal.example' }]] as const) {
    const socket = open(stage, browser, `${path}?qlik-csrf-token=${csrfToken}`, headers)
    t.equal((await outcome(socket)).status, 101, title)
    socket.terminate()
  }
})

t.test('a refusal of the tenant reaches the browser as that status', async t => {
  const stage = await startStage(t)
  const browser = await stage.signIn()
  stage.tenant.controls.addFault({ path: '/app/', status: 403, times: 1 })
  const refused = await outcome(open(stage, browser))
  t.equal(refused.status, 403)
  t.ok(refused.body.includes('traceId'), 'with the tenant\'s own body')
})

t.test('a tenant that resets or is not there is a 502', async t => {
  const stage = await startStage(t)
  const browser = await stage.signIn()
  stage.tenant.controls.addFault({ path: '/app/', reset: true, times: 1 })
  const refused = await outcome(open(stage, browser))
  t.equal(refused.status, 502)
  t.match(refused.body, 'GW-TENANT-UNREACHABLE')
})

t.test('a token that is due is renewed first, and the 101 sets the session', async t => {
  const stage = await startStage(t, { tenant: { accessTokenSeconds: 3 } })
  const browser = await stage.signIn()
  const before = browser.cookies.header(new URL(stage.origin))
  await new Promise(resolve => setTimeout(resolve, 2_800))
  const sockets = Array.from({ length: 5 }, () => open(stage, browser))
  const answers = await Promise.all(sockets.map(outcome))
  t.strictSame(answers.map(({ status }) => status), Array(5).fill(101))
  t.equal(stage.tenant.controls.grants.refresh_token, 1, 'one grant for all')
  const cookies = answers[0]?.upgrade?.headers['set-cookie'] ?? []
  t.match(cookies[0], /^qlik-session=.*HttpOnly/)
  t.equal(answers[0]?.upgrade?.headers['cache-control'], 'no-store')
  t.not(cookies[0]?.split(';')[0], before)
  for (const socket of sockets) socket.terminate()
})

t.test('an upgrade that the tenant refuses with 401 is tried once more with another token', async t => {
  const stage = await startStage(t)
  const browser = await stage.signIn()
  stage.tenant.controls.endAccessTokens()
  t.equal((await outcome(open(stage, browser))).status, 401, 'not for a token younger than a minute')
  t.equal(stage.tenant.controls.grants.refresh_token, 0)
})

t.test('signing out closes the sockets of that session with 4006, and no others', async t => {
  const stage = await startStage(t)
  const [browser, other] = [await stage.signIn(), await stage.signIn(bob)]
  const sockets = [open(stage, browser), open(stage, browser), open(stage, other)]
  await Promise.all(sockets.map(async socket => await once(socket, 'message')))
  const [one, two, three] = sockets as [WebSocket, WebSocket, WebSocket]
  const closed = Promise.all([closing(one), closing(two)])
  await browser.fetch(`${stage.origin}/logout`, { ...asScript(), redirect: 'manual' })
  t.match(await closed, [{ code: 4006, reason: 'The login has ended.' }, { code: 4006 }])
  t.equal(three.readyState, WebSocket.OPEN)
  three.terminate()
})

t.test('a session that reaches its end closes its sockets with 4006', async t => {
  const stage = await startStage(t, { settings: { SESSION_MAX_SECONDS: '2' } })
  const socket = open(stage, await stage.signIn())
  t.match(await closing(socket), { code: 4006 })
})

t.test('a gateway that drains closes sockets with 4003', async t => {
  const stage = await startStage(t)
  const socket = open(stage, await stage.signIn())
  await once(socket, 'message')
  const closed = closing(socket)
  await stage.app.close()
  t.match(await closed, { code: 4003 })
})

t.test('a close of the tenant passes with its code and reason, and a lost tenant is 4003', async t => {
  const stage = await startStage(t)
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

t.test('what is no WebSocket upgrade is refused', async t => {
  const stage = await startStage(t)
  const browser = await stage.signIn()
  const plain = await browser.fetch(`${stage.origin}/app/${SALES_APP_ID}`, asScript())
  t.equal(plain.status, 426)
  t.match(await plain.text(), 'GW-UPGRADE-REQUIRED')
  const upgrade = 'Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
  const cases = {
    'another path': `GET /api/v1/items HTTP/1.1\r\n${upgrade}\r\n`,
    'an encoded prefix': `GET /%61pp/x HTTP/1.1\r\n${upgrade}\r\n`,
    'a dot segment': `GET /app/../api HTTP/1.1\r\n${upgrade}\r\n`,
    'an absolute form': `GET http://evil.example/app/x HTTP/1.1\r\n${upgrade}\r\n`,
    'another method': `POST /app/x HTTP/1.1\r\n${upgrade}Content-Length: 2\r\n\r\nhi`,
    'another protocol': `GET /app/x HTTP/1.1\r\n${upgrade.replace('websocket', 'h2c')}\r\n`,
    'no key': `GET /app/x HTTP/1.1\r\n${upgrade.replace(/Sec-WebSocket-Key.*\r\n/, '')}\r\n`
  }
  for (const [title, request] of Object.entries(cases)) t.match(await raw(stage, request), /^HTTP\/1\.1 400 /, title)
  t.equal(stage.tenant.controls.requests.filter(({ upgrade }) => upgrade).length, 0)
})

async function raw (stage: Stage, request: string): Promise<string> {
  const socket = connect(Number(new URL(stage.origin).port), '127.0.0.1')
  socket.end(request)
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  return answer
}

/** An upstream of its own for what the sandbox does not do: it accepts the socket and leaves it to the test. */
async function startUpstream (t: { teardown: (handler: () => void) => void }, onSocket: (socket: WebSocket, raw: Socket) => void): Promise<string> {
  const sockets = new WebSocketServer({ noServer: true })
  const server = createServer()
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    sockets.handleUpgrade(request, socket, head, ws => { onSocket(ws, socket) })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

void startUpstream
