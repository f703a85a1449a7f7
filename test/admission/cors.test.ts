import t, { type Test } from 'tap'
import { startGateway } from '../helpers/gateway.js'
import { startPlainTenant } from '../helpers/plain-tenant.js'
import { cookieOf, freshSession } from '../helpers/session-cookie.js'

const portal = 'https://portal.example.com'
const foreign = [
  'https://evil.example',
  'null',
  `${portal}.evil.example`,
  'https://xportal.example.com',
  'http://portal.example.com',
  `${portal}:8443`,
  `${portal}/`,
  portal.toUpperCase(),
  ''
]

const exposed = [
  'qlik-csrf-token', 'qlik-gateway-session', 'retry-after', 'location', 'link',
  'content-disposition', 'content-range', 'content-length', 'accept-ranges', 'etag',
  'upload-offset', 'upload-length', 'upload-metadata', 'upload-expires', 'upload-defer-length', 'upload-concat', 'upload-checksum',
  'tus-resumable', 'tus-version', 'tus-extension', 'tus-max-size', 'tus-checksum-algorithm',
  'deprecation', 'sunset', 'mcp-session-id', 'www-authenticate'
]

async function start (t: Test, settings: NodeJS.ProcessEnv = { EMBED_ORIGINS: portal }) {
  const tenant = await startPlainTenant(t, (request, response) => {
    if (request.url === '/api/varies') response.setHeader('vary', ['Accept-Encoding', 'Accept-Language'])
    // What a tenant says of its own pages says nothing about ours.
    response.setHeader('access-control-allow-origin', 'https://tenant-friend.example')
    response.setHeader('access-control-allow-credentials', 'true')
    response.end('{}')
  })
  const { app } = await startGateway(t, { tenant, settings })
  return { app, tenant, cookie: await cookieOf(freshSession(), tenant) }
}

const preflight = {
  'access-control-request-method': 'POST',
  'access-control-request-headers': 'content-type,qlik-csrf-token',
  'sec-fetch-mode': 'cors'
}
const names = (header: unknown) => String(header).split(', ')

t.test('a page of an embed origin may read answers with credentials, errors included', async t => {
  const { app, cookie } = await start(t)
  for (const [url, status] of [
    ['/api/v1/items', 200],
    ['/gateway/session', 200],
    ['/no-such-place', 404],
    ['/a%5cb', 400],
    ['/healthz', 200]
  ] as const) {
    const { statusCode, headers } = await app.inject({ url, headers: { origin: portal, cookie } })
    t.equal(statusCode, status, url)
    t.match(headers, { 'access-control-allow-origin': portal, 'access-control-allow-credentials': 'true' }, url)
    t.same(names(headers['access-control-expose-headers']), exposed)
    t.match(names(headers.vary).at(-1), 'Origin')
  }
  t.match(
    await app.inject({ url: '/api/v1/items', headers: { origin: portal } }),
    { statusCode: 401, headers: { 'access-control-allow-origin': portal, vary: 'Accept, Origin' } },
    'so that it can find out that it must sign in'
  )
})

t.test('answers vary by Origin whoever asks, and the tenant\'s own Vary is kept', async t => {
  const { app, cookie } = await start(t)
  for (const headers of [{ cookie }, { cookie, origin: portal }, { cookie, origin: 'https://evil.example' }]) {
    t.equal((await app.inject({ url: '/api/varies', headers })).headers.vary, 'Accept-Encoding, Accept-Language, Origin')
    t.equal((await app.inject({ url: '/api/plain', headers })).headers.vary, 'Origin')
  }
})

t.test('a page of any other origin gets no permission', async t => {
  const { app, cookie } = await start(t)
  const none = await start(t, {})
  const permitted: [method: string, from: string][] = []
  for (const origin of foreign) {
    for (const [to, from] of [[app, origin], [none.app, origin], [none.app, portal]] as const) {
      for (const [method, more] of [['GET', {}], ['OPTIONS', preflight]] as const) {
        const { headers } = await to.inject({ url: '/api/v1/items', method, headers: { origin: from, cookie, ...more } })
        if (Object.keys(headers).some(name => name.startsWith('access-control-'))) permitted.push([method, from])
      }
    }
  }
  t.same(permitted, [])
  t.equal(
    (await none.app.inject({ url: '/api/v1/items', headers: { cookie: none.cookie } })).headers.vary,
    undefined,
    'without embed origins nothing varies'
  )
})

t.test('a preflight of an embed origin needs no session and never reaches the tenant', async t => {
  const { app, tenant } = await start(t)
  for (const url of ['/api/v1/items', '/gateway/session', '/login', '/logout', '/single/', '/no-such-place']) {
    const { statusCode, headers, body } = await app.inject({ url, method: 'OPTIONS', headers: { origin: portal, ...preflight } })
    t.equal(statusCode, 204, url)
    t.equal(body, '')
    t.match(headers, {
      'access-control-allow-origin': portal,
      'access-control-allow-credentials': 'true',
      'access-control-max-age': '7200',
      vary: 'Origin'
    })
    t.same(names(headers['access-control-allow-methods']), ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
    t.same(names(headers['access-control-allow-headers']), ['content-type', 'qlik-csrf-token'])
    t.equal(headers['set-cookie'], undefined)
  }
  const refused = await app.inject({ url: '/api/v1/items', method: 'OPTIONS', headers: { origin: 'https://evil.example', ...preflight } })
  t.equal(refused.statusCode, 204, 'without permission its browser stops')
  t.same(tenant.requests, [])
})

t.test('a page of an embed origin may send whatever goes upstream, and the headers of Qlik\'s clients', async t => {
  const { app } = await start(t)
  const asked =
    'Upload-Defer-Length,x-request-id, X-Requested-With ,mcp-session-id,last-event-id,qlik-csrf-token,qlik-web-integration-id,x-request-id'
  const refused = 'authorization,cookie,x-forwarded-for,x_forwarded_host,x-auth-user,forwarded,connection,referer,no name,"'
  const { headers } = await app.inject({
    url: '/api/v1/items',
    method: 'OPTIONS',
    headers: { origin: portal, ...preflight, 'access-control-request-headers': `${asked},${refused}` }
  })
  t.equal(
    headers['access-control-allow-headers'],
    'upload-defer-length, x-request-id, x-requested-with, mcp-session-id, last-event-id, qlik-csrf-token, qlik-web-integration-id'
  )
  const none = await app.inject({
    url: '/api/v1/items',
    method: 'OPTIONS',
    headers: { origin: portal, 'access-control-request-method': 'DELETE' }
  })
  t.equal(none.headers['access-control-allow-headers'], '')
})

t.test('an OPTIONS that is no preflight is forwarded like any method', async t => {
  const { app, tenant, cookie } = await start(t)
  for (const headers of [{ cookie }, { cookie, origin: portal }, { cookie, 'access-control-request-method': 'POST' }]) {
    t.equal((await app.inject({ url: '/api/v1/items', method: 'OPTIONS', headers })).statusCode, 200)
  }
  t.equal(tenant.requests.length, 3)
  t.equal((await app.inject({ url: '/api/v1/items', method: 'OPTIONS' })).statusCode, 401)
})

t.test('what needs no session is open to every page, without credentials', async t => {
  for (const settings of [{}, { EMBED_ORIGINS: portal }]) {
    const { app } = await start(t, settings)
    for (const url of ['/qlik-embed/main.js', '/resources/x.json', '/assets', '/resources/autogenerated/product-info.json']) {
      for (const origin of [undefined, portal, 'https://evil.example', 'null']) {
        t.match(await app.inject({ url, headers: origin === undefined ? {} : { origin } }), {
          statusCode: 200,
          headers: {
            'access-control-allow-origin': '*',
            'cross-origin-resource-policy': 'cross-origin',
            'access-control-allow-credentials': undefined
          }
        }, `${url} from ${origin}`)
      }
    }
    const { statusCode, headers } = await app.inject({
      url: '/assets/x',
      method: 'OPTIONS',
      headers: { origin: 'https://anybody.example', ...preflight }
    })
    t.equal(statusCode, 204)
    t.match(headers, {
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, HEAD',
      'access-control-allow-headers': '*'
    })
    t.equal((await app.inject({ url: '/assets-of-mine' })).headers['access-control-allow-origin'], undefined, 'a look-alike of a prefix')
  }
})
