import t from 'tap'
import { createClock, startGateway } from '../helpers/gateway.js'
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
