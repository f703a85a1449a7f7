import t from 'tap'
import { ClientAuthentication } from '../../../src/credentials/client-authentication.js'
import { createAdministrator } from '../../../src/credentials/impersonation/administrator.js'
import { TokenEndpoint } from '../../../src/credentials/token-endpoint.js'
import { serveHttp } from '../../helpers/servers.js'

t.test('calls whose token is refused at the same time share one new token', async t => {
  let grants = 0
  const { origin } = await serveHttp(t, (request, response) => {
    request.resume()
    response.setHeader('content-type', 'application/json')
    if (request.url === '/oauth/token') {
      response.end(JSON.stringify({ access_token: `token-${++grants}`, token_type: 'bearer', expires_in: 3_600 }))
    } else {
      response.writeHead(request.headers.authorization === 'Bearer token-1' ? 401 : 200).end('{}')
    }
  })
  const tenantUrl = new URL(origin)
  const authentication = new ClientAuthentication({ secret: 'secret' }, `${origin}/oauth/token`)
  const endpoint = new TokenEndpoint({ tenantUrl, fetch, now: Date.now })
  const administrator = createAdministrator({ tenantUrl, clientId: 'client', authentication, endpoint, fetch, now: Date.now })
  const answers = await Promise.all([1, 2, 3].map(async () => await administrator.call('GET', '/api/v1/users')))
  t.same(answers.map(({ status }) => status), [200, 200, 200])
  t.equal(grants, 2)
})
