import { once } from 'node:events'
import { get } from 'node:http'
import type { Socket } from 'node:net'
import t from 'tap'
import { createClock, startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { serveHttp } from '../helpers/servers.js'

t.test('a page hears who is signed in, though the token was replaced and refused while the tenant was asked', async t => {
  const asked: string[] = []
  let refuse = (): void => {}
  const upstream = await serveHttp(t, (request, response) => {
    const { url, headers: { authorization = '' } } = request
    response.setHeader('content-type', 'application/json')
    if (url === '/oauth/token') {
      response.end(JSON.stringify({ access_token: 'another', refresh_token: 'next', token_type: 'bearer', expires_in: 3_600 }))
    } else if (url !== '/api/v1/users/me') response.end('{}')
    else {
      asked.push(authorization)
      if (authorization === 'Bearer another') response.end('{"id":"alice"}')
      else refuse = () => { response.writeHead(401).end() }
    }
  })
  const clock = createClock()
  const { origin, cookie, app } = await startGateway(t, { tenant: upstream, clock })
  // Whoever asks at the same time shares the call, also that of a page which has left.
  const connected = once(app.server, 'connection') as Promise<[Socket]>
  const left = get(`${origin}/gateway/session`, { agent: false, headers: { cookie } }).on('error', () => {})
  const [connection] = await connected
  await until(() => asked.length === 1)
  const session = fetch(`${origin}/gateway/session`, { headers: { cookie } })
  left.destroy()
  await once(connection, 'close')
  clock.aheadMs = 3_590_000
  await fetch(`${origin}/api/x`, { headers: { cookie } })
  refuse()
  t.match(await (await session).json(), { authenticated: true, user: { id: 'alice' } })
  t.equal(asked.length, 2)
})
