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
  const { origin, cookie } = await startGateway(t, { tenant: upstream, clock })
  const session = fetch(`${origin}/gateway/session`, { headers: { cookie } })
  await until(() => asked.length === 1)
  clock.aheadMs = 3_590_000
  await fetch(`${origin}/api/x`, { headers: { cookie } })
  refuse()
  t.match(await (await session).json(), { authenticated: true, user: { id: 'alice' } })
  t.equal(asked.length, 2)
})
