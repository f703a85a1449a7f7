import { once } from 'node:events'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { networkOf } from '../../src/admission/rate.js'
import { createConcurrencyLimit } from '../../src/admission/concurrency.js'
import { nowhere, startGateway, type GatewayOptions } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { stopMonotonic } from '../helpers/monotonic.js'
import { openRaw, sendRaw } from '../helpers/raw.js'
import { serveHttp } from '../helpers/servers.js'
import { cookieOf, freshSession, tenantAt } from '../helpers/session-cookie.js'

/** A gateway before an upstream that answers paths with `slow` in them when told to, and takes sockets. */
async function setUp (t: Test, settings: NodeJS.ProcessEnv, { answer, ...options }: GatewayOptions & { answer?: RequestListener } = {}) {
  const waiting: ServerResponse[] = []
  const { server, origin: upstream } = await serveHttp(t, (request, response) => {
    if (answer !== undefined) answer(request, response)
    else if (request.url?.includes('slow')) waiting.push(response)
    else response.end('{"id":"me"}')
  })
  const engine = new WebSocketServer({ server })
  t.teardown(() => { for (const socket of engine.clients) socket.terminate() })
  const gateway = await startGateway(t, { tenant: { origin: upstream }, settings, ...options })
  // What the metrics count.
  const told = new Set<string>()
  gateway.signals.on('refused', code => told.add(code))
  const ask = (path: string, cookie = gateway.cookie) => fetch(gateway.origin + path, { headers: { cookie } })
  const sessions = await Promise.all([1, 2, 3].map(async () => await cookieOf(freshSession(), tenantAt(upstream))))
  return { ...gateway, told, waiting, engine, ask, sessions: sessions as [string, string, string] }
}

async function refusal (answer: Response) {
  const { errors: [error] } = await answer.json() as { errors: [{ code: string }] }
  return [answer.status, error.code, answer.headers.get('retry-after')]
}

t.test('an address begins and ends only so many logins in a minute, and no other address pays for it', async t => {
  const { app, told } = await setUp(t, { MAX_LOGINS_PER_MINUTE: '2' })
  const clock = stopMonotonic(t)
  const from = async (remoteAddress: string, url = '/login') =>
    await app.inject({ url, remoteAddress, headers: { accept: 'application/json' } })
  for (const status of [302, 302, 429]) t.equal((await from('192.0.2.1')).statusCode, status)
  clock.ms += 20_500
  const refused = await from('192.0.2.1')
  t.match(refused.json(), { errors: [{ code: 'GW-TOO-MANY-LOGINS' }] })
  t.equal(refused.headers['retry-after'], '40')
  t.same([...told], ['GW-TOO-MANY-LOGINS'])
  t.equal((await from('::ffff:192.0.2.1')).statusCode, 429, 'the same address as a listener of both families names it')
  t.equal((await from('192.0.2.2')).statusCode, 302)
  for (const status of [400, 400, 429]) {
    t.equal((await from('192.0.2.1', '/login/callback?code=x&state=x')).statusCode, status, 'each route counts by itself')
  }
  for (const [address, status] of [
    ['2001:db8::1', 302],
    ['2001:db8:0:0:ffff::2', 302],
    ['2001:db8:0:0:1::', 429],
    ['2001:db8:0:1::1', 302]
  ] as const) {
    t.equal((await from(address)).statusCode, status, address)
  }
  t.equal((await app.inject({ url: '/gateway/session', remoteAddress: '192.0.2.1' })).statusCode, 200, 'and nothing else is limited by it')
  clock.ms += 40_000
  t.equal((await from('192.0.2.1')).statusCode, 302)
})

t.test('a network of IPv6 is one client, however its addresses are written', async t => {
  for (const [address, network] of [
    ['::1', '0:0:0:0'],
    ['2001:db8::', '2001:db8:0:0'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['10.0.0.1', '10.0.0.1']
  ] as const) {
    t.equal(networkOf(address), network, address)
  }
})

t.test('more headers, cookies or bytes of headers than are set are refused, over HTTP and on an upgrade', async t => {
  const { origin, cookie, told } = await setUp(t, { MAX_HEADERS: '20', MAX_COOKIES: '5', MAX_HEADER_BYTES: '8192' })
  const upgrade = `Origin: ${origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
  const many = (count: number) => Array.from({ length: count }, (_, each) => `X-${each}: 1\r\n`).join('')
  const cases: [title: string, headers: string, code: string | undefined][] = [
    ['as many headers', many(12), undefined],
    ['more headers', many(30), 'GW-TOO-MANY-HEADERS'],
    ['as many cookies', 'Cookie: a=1; b=2; c=3\r\n', undefined],
    ['more cookies', 'Cookie: a=1; b=2; c=3; d=4; e=5\r\n', 'GW-TOO-MANY-COOKIES'],
    ['more bytes', `X-One: ${'x'.repeat(8_192)}\r\n`, 'GW-TOO-MANY-COOKIES']
  ]
  for (const [title, headers, code] of cases) {
    for (const [path, more] of [['/api/x', 'Connection: close\r\n'], ['/app/x', upgrade]] as const) {
      const bytes = `GET ${path} HTTP/1.1\r\nHost: x\r\n` +
        `${more}${headers.startsWith('Cookie') ? headers.replace('\r', `; ${cookie}\r`) : `${headers}Cookie: ${cookie}\r\n`}\r\n`
      if (code === undefined) {
        const socket = await openRaw(t, origin)
        socket.write(bytes)
        t.match(String(await once(socket, 'data')), /^HTTP\/1.1 (200|101) /, `${title}, ${path}`)
        socket.destroy()
        continue
      }
      const { status, body } = await sendRaw(t, origin, bytes)
      t.equal(status, 431, `${title}, ${path}`)
      t.match(JSON.parse(body), { errors: [{ code }] }, `${title}, ${path}`)
      t.ok(told.delete(code), `${title}, ${path}: it is told`)
    }
  }
})

t.test('one session cannot keep the others from the tenant, nor all together ask more than is set', async t => {
  const {
    ask,
    waiting,
    told,
    sessions: [one, two, three]
  } = await setUp(t, { MAX_UPSTREAM_CONNECTIONS: '4', MAX_UPSTREAM_QUEUE: '1', MAX_REQUESTS_PER_SESSION: '100' })
  const flood = Array.from({ length: 20 }, async () => await ask('/api/slow', one))
  const left = Promise.all(flood.map(async answer => (await answer).status))
  await until(() => waiting.length === 2)
  t.equal((await ask('/api/x', two)).status, 200, 'half of the connections are left to the others')
  t.same(await refusal(await ask('/api/x', one)), [429, 'GW-TOO-MANY-REQUESTS', '1'])
  const others = [ask('/api/slow', two), ask('/api/slow', two)]
  await until(() => waiting.length === 4)
  const queued = ask('/api/x', three)
  await t.resolves(ask('/gateway/session', three), 'what the gateway asks for itself does not wait')
  await until(() => waiting.length === 4)
  t.same(await refusal(await ask('/api/x', three)), [503, 'GW-BUSY', '1'], 'what is under way and what waits are counted')
  t.same([...told].sort(), ['GW-BUSY', 'GW-TOO-MANY-REQUESTS'])
  for (const response of waiting) response.end()
  t.equal((await queued).status, 200)
  for (const answer of others) t.equal((await answer).status, 200)
  const statuses = await left
  t.same([200, 429].map(status => statuses.filter(each => each === status).length), [2, 18])
  t.equal((await ask('/api/x', one)).status, 200, 'a place is free again with its answer')
})

t.test('what needs no session holds half of the connections at most', async t => {
  const { ask, waiting } = await setUp(t, { MAX_UPSTREAM_CONNECTIONS: '2' })
  const slow = ask('/assets/slow')
  await until(() => waiting.length === 1)
  t.same(await refusal(await ask('/assets/x')), [503, 'GW-BUSY', '1'])
  t.equal((await ask('/api/x')).status, 200)
  waiting[0]?.end()
  t.equal((await slow).status, 200)
})

t.test('a session and all together hold only so many sockets, and a socket that closes leaves its place', async t => {
  const { origin, engine, told, sessions: [one, two, three] } = await setUp(t, { MAX_SOCKETS_PER_SESSION: '1', MAX_SOCKETS: '2' })
  const dial = (cookie: string) => new WebSocket(`${origin.replace('http', 'ws')}/app/x`, { headers: { cookie, origin } })
  const refused = async (cookie: string) => {
    const socket = dial(cookie).on('error', () => {})
    const [, answer] = await once(socket, 'unexpected-response') as [unknown, IncomingMessage]
    return [answer.statusCode, answer.headers['retry-after'], await text(answer)]
  }
  const first = dial(one)
  await once(first, 'open')
  t.match(await refused(one), [429, '1', /GW-TOO-MANY-SOCKETS/])
  const second = dial(two)
  await once(second, 'open')
  t.match(await refused(three), [503, '1', /GW-BUSY/])
  t.equal(engine.clients.size, 2, 'the tenant hears of none of them')
  t.same([...told].sort(), ['GW-BUSY', 'GW-TOO-MANY-SOCKETS'])
  first.close()
  await once(first, 'close')
  await until(() => engine.clients.size === 1)
  const third = dial(three)
  await once(third, 'open')
  for (const socket of [second, third]) socket.terminate()
})

t.test('a client that has left holds no place', async t => {
  const limit = createConcurrencyLimit({ inAll: 1, perClient: 1, tooMany: 'GW-TOO-MANY-REQUESTS', full: 'GW-BUSY' })
  limit.acquire('one', { destroyed: true, once: () => t.fail('nobody waits for it') })
  limit.acquire('two', { destroyed: false, once: () => {} })
  t.throws(() => { limit.acquire('two', { destroyed: false, once: () => {} }) }, { code: 'GW-TOO-MANY-REQUESTS', retryAfterSeconds: 1 })
  t.throws(() => { limit.acquire('three', { destroyed: false, once: () => {} }) }, { code: 'GW-BUSY', retryAfterSeconds: 1 })
})

t.test('a body that stops coming ends its request, one that trickles or waits for the tenant does not', async t => {
  const cut: string[] = []
  const { origin, cookie, told } = await setUp(t, { BODY_TIMEOUT_SECONDS: '3' }, {
    answer (request, response) {
      const { url } = request
      if (url === '/api/early') response.write('begun')
      if (url === '/api/late') setTimeout(() => { response.end('done') }, 4_500)
      if (url !== '/api/unread') request.on('data', () => {}).on('end', () => { if (url !== '/api/late') response.end('done') })
      else setTimeout(() => { request.resume().on('end', () => { response.end('done') }) }, 6_000)
      request.on('error', () => { cut.push(String(url)) })
    }
  })
  const post = async (path: string, length: number) => {
    const socket = await openRaw(t, origin)
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\nOrigin: ${origin}\r\n` +
      `Content-Type: ${path.startsWith('/api') ? 'text/plain' : 'application/json'}\r\nConnection: close\r\n` +
      `Cookie: ${cookie}\r\nContent-Length: ${length}\r\n\r\n`
    )
    return socket
  }
  const silent = await post('/api/x', 3)
  silent.write('ab')
  const begun = await post('/api/early', 3)
  begun.write('ab')
  const own = await post('/gateway/handover', 3)
  const late = await post('/api/late', 1)
  late.write('x')
  const trickling = await post('/api/x', 4)
  const unread = await post('/api/unread', 8_000_000)
  unread.write(Buffer.alloc(8_000_000))
  const trickle = (async () => {
    for (let byte = 0; byte < 4; byte++) {
      await new Promise(resolve => setTimeout(resolve, 1_200))
      trickling.write('x')
    }
  })()
  for (const [title, socket] of [['forwarded', silent], ['read by the gateway', own]] as const) {
    const answer = await text(socket)
    t.match(answer, /^HTTP\/1.1 408 .*connection: close.*GW-REQUEST-TIMEOUT/is, title)
  }
  t.same([...told], ['GW-REQUEST-TIMEOUT'])
  t.match(await text(begun), /^HTTP\/1.1 200 .*begun/is, 'an answer that had begun is cut')
  await until(() => cut.length === 2)
  t.same(cut.sort(), ['/api/early', '/api/x'], 'and so is what was forwarded')
  t.match(await text(late), /^HTTP\/1.1 200 .*done/s, 'a whole body whose answer takes long is none that is silent')
  await trickle
  t.match(String(await once(trickling, 'data')), /^HTTP\/1.1 200 /)
  t.match(await text(unread), /^HTTP\/1.1 200 .*done/s)
})

t.test('headers that trickle in are cut off', async t => {
  const { app, origin } = await startGateway(t, { tenant: nowhere })
  t.equal(app.server.headersTimeout, 30_000)
  app.server.headersTimeout = 300
  const { status, head, body } = await sendRaw(t, origin, 'GET /healthz HTTP/1.1\r\nHost: x\r\nX-')
  t.equal(status, 408)
  t.match(head, /^connection: close$/im)
  t.match(JSON.parse(body), { errors: [{ code: 'GW-REQUEST-TIMEOUT', status: '408' }] })
})
