import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { createClock, startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { serveHttp } from '../helpers/servers.js'

t.test('a refusal of the tenant that breaks while another token is asked for ends its request and nothing else', async t => {
  let breakOff = (): void => {}
  const upstream = await serveHttp(t, (request, response) => {
    if (request.url === '/oauth/token') {
      breakOff()
      setTimeout(() => response.writeHead(500).end(), 100)
    } else {
      response.writeHead(401, { 'content-length': 10, 'x-tenant': 'yes' }).write('half')
      breakOff = () => { request.socket.destroy() }
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
  for (const each of [app.server, server]) await until(async () => await new Promise(resolve => { each.getConnections((_error, count) => { resolve(count === 0) }) }))
})
