import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { getDefaultHighWaterMark } from 'node:stream'
import { text } from 'node:stream/consumers'
import t from 'tap'
import type { SignalMap } from '../../src/signals.js'
import { createClock, startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { openRaw } from '../helpers/raw.js'
import { gatewayEnds, serveHttp } from '../helpers/servers.js'

t.test('a refusal of the tenant that breaks while another token is asked for ends its request and nothing else', async t => {
  const gatewayEndOf = gatewayEnds(t)
  let refusing: Socket
  const upstream = await serveHttp(t, async (request, response) => {
    if (request.url === '/oauth/token') {
      const gatewayEnd = gatewayEndOf(refusing)
      refusing.destroy()
      await until(() => gatewayEnd.destroyed)
      response.writeHead(500).end()
    } else {
      response.writeHead(401, { 'content-length': 10, 'x-tenant': 'yes' }).write('half')
      refusing = request.socket
    }
  })
  const clock = createClock()
  const { origin, cookie } = await startGateway(t, { tenant: upstream, clock })
  clock.aheadMs = 100_000
  const answer = await fetch(`${origin}/api/x`, { headers: { cookie } })
  t.equal(answer.status, 502)
  t.equal(answer.headers.get('x-tenant'), null)
  t.match(await answer.text(), /GW-TENANT-UNREACHABLE/)
})

t.test('a client that leaves while another token is asked for gets nothing and leaves its place, whether there is one or not', async t => {
  for (const status of [200, 503]) {
    const asked: string[] = []
    let grant = (): void => {}
    const upstream = await serveHttp(t, (request, response) => {
      asked.push(`${request.url}`)
      if (request.url === '/api/x') response.writeHead(401).end('no')
      else if (request.url === '/api/y') response.end()
      else {
        grant = () => response
          .writeHead(status, { 'content-type': 'application/json' })
          .end(JSON.stringify({ access_token: 'another', refresh_token: 'next', token_type: 'bearer', expires_in: 3_600 }))
      }
    })
    const clock = createClock()
    const { origin, cookie, signals } = await startGateway(t, { tenant: upstream, clock, settings: { MAX_REQUESTS_PER_SESSION: '1' } })
    clock.aheadMs = 100_000
    const over = once(signals, 'answered') as Promise<SignalMap['answered']>
    const client = await openRaw(t, origin)
    client.write(`GET /api/x HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n\r\n`)
    await until(() => asked.length === 2)
    client.resetAndDestroy()
    const [, , hasLeft] = await over
    t.equal(hasLeft, true)
    const next = async () => (await fetch(`${origin}/api/y`, { headers: { cookie } })).status
    t.equal(await next(), 429, 'its place is taken as long as the token is asked for')
    grant()
    await until(async () => await next() === 200)
    t.same(asked, ['/api/x', '/oauth/token', '/api/y'])
  }
})

t.test('an answer that waits when the tenant ends its connection is whole, and one that the tenant cut is not', async t => {
  // As much as a stream keeps, so that the gateway reads no more when it has it.
  const body = 'x'.repeat(getDefaultHighWaterMark(false))
  const cases: [title: string, headers: string, status: number][] = [
    ['announced by its length', `Connection: close\r\nContent-Length: ${body.length}`, 401],
    ['announced by its length, on a connection that should be kept', `Content-Length: ${body.length}`, 401],
    ['ended by its connection', 'Connection: close', 401],
    ['shorter than announced', `Connection: close\r\nContent-Length: ${body.length + 1}`, 502],
    ['ended by a reset', 'Connection: close\r\nX-Reset: yes', 502]
  ]
  const gatewayEndOf = gatewayEnds(t)
  for (const [title, headers, status] of cases) {
    const refuse = async (tenant: Socket) => {
      const gatewayEnd = gatewayEndOf(tenant)
      const bytes = gatewayEnd.bytesRead + body.length
      tenant.write(body)
      await until(() => gatewayEnd.bytesRead === bytes)
      if (headers.includes('Reset')) tenant.resetAndDestroy()
      else tenant.end()
      await until(() => gatewayEnd.destroyed)
    }
    let refusing: Socket
    const { server } = await serveHttp(t, async (request, response) => {
      if (request.url !== '/oauth/token') return
      await refuse(refusing)
      response.writeHead(500).end()
    })
    server.prependListener('request', ({ url, socket }) => {
      if (url !== '/api/x') return
      refusing = socket
      socket.write(`HTTP/1.1 401 Unauthorized\r\n${headers}\r\n\r\n`)
    })
    const clock = createClock()
    const { origin, cookie } = await startGateway(t, {
      tenant: { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
      clock
    })
    clock.aheadMs = 100_000
    const answer = await fetch(`${origin}/api/x`, { headers: { cookie } })
    t.equal(answer.status, status, title)
    t.equal((await answer.text()).length === body.length, status === 401, title)
  }
})

t.test('a client that leaves in the middle of a request, behind one that is not answered, leaves nothing', async t => {
  let isAsked = false
  const { server, origin: upstream } = await serveHttp(t, () => { isAsked = true })
  const { app, origin } = await startGateway(t, { tenant: { origin: upstream } })
  const client = connect({ port: Number(new URL(origin).port), host: '127.0.0.1', allowHalfOpen: true })
  client.write('GET /assets/x HTTP/1.1\r\nHost: x\r\n\r\nGET /assets/y HTTP/1.1\r\nHo')
  await until(() => isAsked)
  client.end()
  t.equal(await text(client), '')
  await once(client, 'close')
  for (const each of [app.server, server]) {
    await until(async () => await new Promise(resolve => { each.getConnections((_error, count) => { resolve(count === 0) }) }))
  }
})
