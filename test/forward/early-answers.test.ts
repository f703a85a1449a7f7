import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { readAnswers } from '../helpers/answers.js'
import { createClock, startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { reservePort } from '../helpers/ports.js'
import { openRaw } from '../helpers/raw.js'
import { countConnections, gatewayEnds, serveHttp } from '../helpers/servers.js'

t.test('a client that still sends when the tenant answers or breaks off gets the answer, and its connection serves ' +
  'the next request', async t => {
  const { server } = await serveHttp(t, (request, response) => { response.end(`the answer to ${request.url}`) })
  server.prependListener('request', ({ url, socket }: { url: string, socket: Socket }) => {
    if (url === '/api/early') socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\n\r\ntoo large')
    if (url === '/api/broken') socket.resetAndDestroy()
  })
  const { origin, cookie } = await startGateway(t, { tenant: { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } })
  const body = Buffer.alloc(1_000_000, '"a text"')
  for (const type of ['text/plain', 'application/json']) {
    for (const [path, status] of [['early', 413], ['broken', 502]] as const) {
      const client = await openRaw(t, origin)
      client.write(
        `PUT /api/${path} HTTP/1.1\r\nHost: x\r\nOrigin: ${origin}\r\nCookie: ${cookie}\r\nContent-Type: ${type}\r\n` +
        `Content-Length: ${body.length}\r\n\r\n`
      )
      client.write(body.subarray(0, 300_000))
      const [first] = await once(client, 'data') as [Buffer]
      client.write(body.subarray(300_000))
      client.write('GET /assets/next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
      const { answers } = readAnswers(Buffer.concat([first, await buffer(client)]))
      t.match(
        answers.map(each => [each.status, each.body.toString()]),
        [
          [status, status === 413 ? 'too large' : /GW-TENANT-UNREACHABLE/],
          [200, 'the answer to /assets/next']
        ],
        `${path}, ${type}`
      )
    }
  }
})

t.test('a client that sends to a tenant that cannot be reached gets the answer, and its connection serves the next request', async t => {
  const { origin, cookie } = await startGateway(t, { tenant: { origin: `http://127.0.0.1:${await reservePort()}` } })
  const body = Buffer.alloc(300_000, '"a text"')
  for (const type of ['text/plain', 'application/json']) {
    for (const sent of [0, 200_000, 300_000]) {
      const client = await openRaw(t, origin)
      client.write(
        `PUT /api/x HTTP/1.1\r\nHost: x\r\nOrigin: ${origin}\r\nCookie: ${cookie}\r\nContent-Type: ${type}\r\n` +
        `Content-Length: ${body.length}\r\n\r\n`
      )
      client.write(body.subarray(0, sent))
      const [first] = await once(client, 'data') as [Buffer]
      client.write(body.subarray(sent))
      client.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
      const { answers } = readAnswers(Buffer.concat([first, await buffer(client)]))
      t.same(answers.map(each => each.status), [502, 200], `${type} ${sent} bytes`)
    }
  }
})

t.test('a client that leaves is noticed though its body was not read and the answer waits behind another', async t => {
  let asked = 0
  const { origin: upstream } = await serveHttp(t, () => { asked++ })
  const { app, origin } = await startGateway(t, { tenant: { origin: upstream } })
  const paths = { refused: 'POST /api/x', 'answered without a look at it': 'GET /healthz', 'never routed': 'POST /api/%zz' }
  for (const [title, line] of Object.entries(paths)) {
    const client = connect({ port: Number(new URL(origin).port), host: '127.0.0.1', allowHalfOpen: true })
    client.write(
      `GET /assets/x HTTP/1.1\r\nHost: x\r\n\r\n${line} HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n${'x'.repeat(70_000)}`
    )
    await until(() => asked === 1)
    client.resume().end()
    await until(async () => await countConnections(app.server) === 0)
    t.pass(title)
    asked = 0
  }
})

t.test('each pipelined request is over once, also one whose answer broke while it waited for its turn', async t => {
  const { server } = await serveHttp(t, () => {})
  let cut = (): void => {}
  server.prependListener('request', ({ url, socket }: { url: string, socket: Socket }) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal')
    setTimeout(() => { socket.destroy() }, url === '/assets/first' ? 150 : 50)
    if (url === '/assets/first') cut = () => { socket.destroy() }
  })
  const { origin, signals } = await startGateway(t, { tenant: { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } })
  const over: (string | undefined)[] = []
  signals.on('answered', request => {
    over.push(request.raw.url)
    if (over.length === 1) cut()
  })
  const client = await openRaw(t, origin)
  client.write(
    'GET /assets/first HTTP/1.1\r\nHost: x\r\n\r\nGET /assets/second HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'
  )
  await buffer(client)
  await until(() => over.length >= 3)
  t.same(over.toSorted(), ['/assets/first', '/assets/second', '/healthz'])
})

t.test('a refusal of an upgrade that breaks is cut or replaced, and never the gateway\'s fault', async t => {
  const rest = 'Content-Length: 10\r\nX-Tenant: yes\r\n\r\n'
  const cases: [title: string, refusal: string, status: number, tag: string | undefined, body: string | RegExp][] = [
    ['while another token is asked for', `HTTP/1.1 401 Unauthorized\r\n${rest}half`, 502, undefined, /GW-TENANT-UNREACHABLE/],
    ['behind its head', `HTTP/1.1 403 Forbidden\r\n${rest}`, 403, 'yes', ''],
    ['in the middle of its body', `HTTP/1.1 403 Forbidden\r\n${rest}half`, 403, 'yes', 'half']
  ]
  const gatewayEndOf = gatewayEnds(t)
  for (const [title, refusal, status, tag, body] of cases) {
    let refusing: Socket
    const { server, origin: upstream } = await serveHttp(t, async (_request, response) => {
      const gatewayEnd = gatewayEndOf(refusing)
      refusing.destroy()
      await until(() => gatewayEnd.destroyed)
      response.writeHead(500).end()
    })
    server.on('upgrade', (_request, socket: Socket) => {
      refusing = socket.on('error', () => {})
      socket.write(refusal)
      if (status === 403) socket.destroy()
    })
    const clock = createClock()
    const { origin, cookie } = await startGateway(t, { tenant: { origin: upstream }, clock })
    clock.aheadMs = 100_000
    const client = await openRaw(t, origin)
    client.write(
      `GET /app/x HTTP/1.1\r\nHost: x\r\nOrigin: ${origin}\r\nCookie: ${cookie}\r\nConnection: Upgrade\r\n` +
      'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
    )
    const { answers: [answer], whole } = readAnswers(await buffer(client))
    t.match([answer?.status, answer?.headers['x-tenant'], answer?.body.toString()], [status, tag, body], title)
    t.equal(whole, status === 502)
  }
})
