import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { createClock, startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { stopMonotonic } from '../helpers/monotonic.js'
import { openRaw } from '../helpers/raw.js'
import { cookieOf, freshSession, tenantAt } from '../helpers/session-cookie.js'
import { startBeforeUpstream } from '../helpers/upstream.js'

/** A tenant of bytes: it is told each request with its connection and how many that has carried. */
async function serveBytes (t: { teardown: (handler: () => void) => void }, answer: (head: string, socket: Socket, before: number) => void) {
  const server = createServer(socket => {
    let before = 0
    let received = ''
    socket.on('error', () => {}).on('data', data => {
      received += data.toString('latin1')
      const end = received.indexOf('\r\n\r\n')
      if (end === -1) return
      const head = received.slice(0, end)
      received = ''
      answer(head, socket, before++)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

t.test('a request without a body whose kept connection turns out dead is sent once more, on a new one; nothing else is', async t => {
  const heads: string[] = []
  let mode: 'answer' | 'resetKept' | 'resetAll' | 'begin' = 'answer'
  const origin = await serveBytes(t, (head, socket, before) => {
    heads.push(head.split(' ', 1)[0] as string)
    if (mode === 'answer' || (mode === 'resetKept' && before === 0)) socket.write(ok)
    else if (mode === 'begin') socket.end('HTTP/1.1 2')
    else socket.resetAndDestroy()
  })
  const gateway = await startGateway(t, { tenant: { origin } })
  const ask = async (method: string, body?: string) => {
    mode = 'answer'
    await fetch(`${gateway.origin}/sense/x`, { headers: { cookie: gateway.cookie } })
    heads.length = 0
    return async (then: typeof mode) => {
      mode = then
      const { status } = await fetch(`${gateway.origin}/sense/x`, {
        method,
        body: body ?? null,
        headers: { cookie: gateway.cookie, 'sec-fetch-site': 'same-origin' }
      })
      return [status, heads.length]
    }
  }
  for (const method of ['GET', 'HEAD', 'OPTIONS']) t.same(await (await ask(method))('resetKept'), [200, 2], method)
  t.same(await (await ask('GET'))('resetAll'), [502, 2], 'once')
  t.same(await (await ask('GET'))('begin'), [502, 1], 'not when an answer had begun')
  t.same(await (await ask('POST', 'x'))('resetKept'), [502, 1], 'not what changes something')
  t.same(await (await ask('DELETE'))('resetKept'), [502, 1])
  t.same(await (await ask('OPTIONS', 'x'))('resetKept'), [502, 1], 'not what has a body')
  mode = 'resetAll'
  heads.length = 0
  t.equal((await fetch(`${gateway.origin}/sense/x`, { headers: { cookie: gateway.cookie } })).status, 502)
  t.equal(heads.length, 1, 'and not on a connection that was new')
})

t.test('a request that has not been sent when its idle connection is reset is sent on another one, whatever it is', async t => {
  const heads: string[] = []
  const sockets: Socket[] = []
  const origin = await serveBytes(t, (head, socket) => {
    heads.push(head.split(' ', 1)[0] as string)
    sockets.push(socket)
    socket.write(ok)
  })
  const gateway = await startGateway(t, { tenant: { origin } })
  for (const [method, body] of [['GET', ''], ['DELETE', ''], ['POST', 'x'], ['PUT', 'x'.repeat(100_000)]] as const) {
    const client = await openRaw(t, gateway.origin)
    const headers = `Host: x\r\nOrigin: ${gateway.origin}\r\nCookie: ${gateway.cookie}\r\nContent-Length: ${body.length}`
    const ask = (line: string) => client.write(`${line} HTTP/1.1\r\n${headers}\r\n\r\n${body}`)
    ask('POST /sense/x')
    await once(client, 'data')
    heads.length = 0
    // Both arrive in the same turn of the gateway's event loop, the request first.
    ask(`${method} /sense/x`)
    sockets.at(-1)?.resetAndDestroy()
    const [answer] = await once(client, 'data') as [Buffer]
    t.match(answer.toString(), /^HTTP\/1.1 200 /, method)
    t.same(heads, [method], 'the tenant has it once')
  }
})

t.test('a tenant that cannot be connected to is dialled once for a request', async t => {
  let dials = 0
  const server = createServer(socket => {
    dials++
    socket.resetAndDestroy()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  // The reset ends the TLS handshake.
  const tenant = tenantAt(`https://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const { origin, cookie } = await startGateway(t, { tenant, settings: { WARM_CONNECTIONS: '0' } })
  t.equal((await fetch(`${origin}/sense/x`, { headers: { cookie } })).status, 502)
  t.equal(dials, 1)
})

t.test('calls for tokens never use a connection that has carried a request', async t => {
  const clock = createClock()
  const carried: number[] = []
  const origin = await serveBytes(t, (head, socket, before) => {
    if (!head.startsWith('POST /oauth/token')) {
      socket.write(ok)
      return
    }
    carried.push(before)
    const tokens = `{"access_token":"a${carried.length}","token_type":"bearer","expires_in":60,"refresh_token":"r${carried.length}"}`
    socket.write(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${tokens.length}\r\n\r\n${tokens}`)
  })
  const gateway = await startGateway(t, { tenant: { origin }, clock })
  for (let time = 1; time <= 3; time++) {
    clock.aheadMs += 7 * 3_600_000
    const answer = await fetch(`${gateway.origin}/sense/x`, { headers: { cookie: gateway.cookie } })
    t.equal(answer.status, 200)
    gateway.cookie = answer.headers.getSetCookie().map(cookie => cookie.split(';', 1)[0]).join('; ') || gateway.cookie
  }
  t.same(carried, [0, 0, 0])
})

t.test('a client that leaves before the tenant answered is nobody\'s failure, and holds its place until its request ' +
  'is really gone', async t => {
  const { origin, cookie, received, signals, ask } = await startBeforeUpstream(t, (request, response) => {
    if (request.url !== '/api/silent') response.end('ok')
  }, { settings: { MAX_UPSTREAM_CONNECTIONS: '2', MAX_UPSTREAM_QUEUE: '0', MAX_REQUESTS_PER_SESSION: '100' } })
  const told: string[] = []
  const statuses: number[] = []
  signals.on('refused', code => told.push(code))
  signals.on('tenantAnswered', (_asking, status) => statuses.push(status))
  const socket = await openRaw(t, origin)
  socket.write(`GET /api/silent HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n\r\n`)
  await until(() => received.length === 1)
  t.equal((await ask('/api/x')).statusCode, 429)
  told.length = 0
  socket.destroy()
  await until(() => statuses.length === 1)
  t.same([told, statuses], [[], [499]])
  t.equal(await text(await ask('/api/x')), 'ok')
})

t.test('a request that comes round is refused at once', async t => {
  const { ask, received } = await startBeforeUpstream(t, (_request, response) => { response.end() })
  await ask('/assets/x', { headers: { 'cdn-loop': 'another' } })
  const passed = String(received[0]?.headers['cdn-loop'])
  t.match(passed, /^another, qlik-embed-gateway; id=/)
  const answer = await ask('/assets/x', { headers: { 'cdn-loop': passed } })
  t.equal(answer.statusCode, 508)
  t.match(await text(answer), 'GW-LOOP')
  t.equal(received.length, 1)
})

t.test('product information is asked for once at a time and remembered for a minute', async t => {
  const { origin, received } = await startBeforeUpstream(t, (_request, response) => {
    response.setHeader('content-type', 'application/json').end('{}')
  })
  const clock = stopMonotonic(t)
  const read = async () => { await (await fetch(`${origin}/resources/autogenerated/product-info.json`)).text() }
  await Promise.all(Array.from({ length: 20 }, read))
  await read()
  t.equal(received.length, 1)
  clock.ms += 60_000
  await read()
  await until(() => received.length === 2)
})

t.test('a request whose client left while it waited for a connection is not sent', async t => {
  const held: ServerResponse[] = []
  const { origin, upstream, received, signals } = await startBeforeUpstream(t, (request, response) => {
    if (request.url === '/api/held') held.push(response)
    else response.end()
  }, { settings: { MAX_UPSTREAM_CONNECTIONS: '2' } })
  const [one, two, three] = await Promise.all([1, 2, 3].map(async () => await cookieOf(freshSession(), tenantAt(upstream.origin))))
  const begin = async (path: string, cookie: string | undefined) => {
    const began = once(signals, 'received')
    const client = await openRaw(t, origin)
    client.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n\r\n`)
    await began
    return client
  }
  for (const cookie of [one, two]) await begin('/api/held', cookie)
  await until(() => held.length === 2)
  const client = await begin('/api/queued', three)
  const over = once(signals, 'answered')
  client.resetAndDestroy()
  await over
  for (const response of held) response.end()
  t.equal((await fetch(`${origin}/api/last`, { headers: { cookie: String(three) } })).status, 200)
  t.same(received.map(({ url }) => url), ['/api/held', '/api/held', '/api/last'])
})
