import fastify from 'fastify'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http'
import { buffer, text } from 'node:stream/consumers'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { Agent } from 'undici'
import { alice } from '../../sandbox/identities.js'
import { admissionPlugin } from '../../src/admission/admission.js'
import type { GatewayError } from '../../src/errors.js'
import { createLoopName, httpForward } from '../../src/forward/http.js'
import { createTenant } from '../../src/tenants/create-tenant.js'
import { readConfig } from '../../src/settings/config.js'
import { asScript, createClock, settingsFor, startGateway } from '../helpers/gateway.js'
import { sendRaw } from '../helpers/raw.js'
import { until, untilStill } from '../helpers/log.js'
import { stopMonotonic } from '../helpers/monotonic.js'
import { serveHttp } from '../helpers/servers.js'
import { cookieOf, freshSession, tenantAt } from '../helpers/session-cookie.js'
import { startBeforeUpstream } from '../helpers/upstream.js'

const ok: RequestListener = (_request, response) => { response.end('ok') }

t.test('the tenant sees the token and its own host, and nothing that identifies the page, the proxies or a session', async t => {
  const { ask, received, upstream, origin } = await startBeforeUpstream(t, ok)
  const answer = await ask('/api/v1/items', {
    headers: {
      cookie: `${await cookieOf(freshSession(), tenantAt(upstream.origin))}; other=1`,
      origin,
      referer: 'https://portal.example/secret',
      authorization: 'Bearer mine',
      forwarded: 'for=1.2.3.4',
      'x-forwarded-for': '1.2.3.4',
      x_forwarded_host: 'evil.example',
      'x.forwarded.proto': 'http',
      'X-Auth-User': 'root',
      'x-real-ip': '1.2.3.4',
      'x-original-url': '/admin',
      'qlik-web-integration-id': 'x',
      connection: 'keep-alive, x-hop, authorization',
      'x-hop': 'one',
      'keep-alive': 'timeout=5',
      te: 'trailers',
      'proxy-authorization': 'Basic x',
      expect: '100-continue',
      'qlik-api-version': '2.19.0',
      'x-custom': 'stays',
      'accept-language': 'sv'
    }
  })
  t.equal(await text(answer), 'ok')
  t.same(received[0]?.headers, {
    host: new URL(upstream.origin).host,
    connection: 'keep-alive',
    authorization: 'Bearer an-access-token',
    'sec-fetch-site': 'same-origin',
    'qlik-api-version': '2.19.0',
    'x-custom': 'stays',
    'accept-language': 'sv',
    'accept-encoding': 'identity',
    'cdn-loop': createLoopName({ publicUrl: new URL(origin) })
  })
})

t.test('what two servers could read differently never reaches the tenant', async t => {
  const { origin, received, cookie } = await startBeforeUpstream(t, ok)
  const paths = [
    '/api//x', '/api/../x', '/api/./x', '/api/%2e%2e/x', '/api/%252e%252e/x', '/api/..;/x', '/api/..%2fx', '/api/x\\y',
    '/api/%5Cx', '/api/%00', '/api/%C0%AE', '/api/%', '/api/x#y', '//api/x', 'http://evil.example/api/x', '/api/ü'
  ]
  for (const path of paths) {
    t.equal(
      (await sendRaw(t, origin, `GET ${path} HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\nConnection: close\r\n\r\n`)).status,
      400,
      path
    )
  }
  for (const path of ['/%61pi/x', '/API/x', '/api;x/y', '/oauth/token', '/.well-known/oauth-authorization-server', '/login/x', '/other']) {
    t.equal(
      (await sendRaw(t, origin, `GET ${path} HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\nConnection: close\r\n\r\n`)).status,
      404,
      path
    )
  }
  t.same(received, [])
})

t.test('a body on GET is refused rather than lost', async t => {
  const { ask, received } = await startBeforeUpstream(t, ok)
  const answer = await ask('/api/x', { headers: { 'content-length': '1' }, body: 'x' })
  t.equal(answer.statusCode, 400)
  t.match(await text(answer), 'GW-BODY-ON-GET')
  t.same(received, [])
})

t.test('bodies and answers are streamed, not collected', async t => {
  const { origin, cookie } = await startBeforeUpstream(t, (request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    request.on('data', (chunk: Buffer) => response.write(`got ${chunk.toString()};`))
    request.on('end', () => response.end('end'))
  })
  const request = httpRequest(`${origin}/api/stream`, {
    method: 'POST',
    headers: { cookie, 'sec-fetch-site': 'same-origin', 'content-type': 'text/plain' }
  })
  request.write('one')
  const [answer] = await once(request, 'response') as [IncomingMessage]
  const [first] = await once(answer, 'data') as [Buffer]
  t.equal(first.toString(), 'got one;')
  request.end('two')
  t.equal(await text(answer), 'got two;end')
})

t.test('an answer is read from the tenant no faster than the browser takes it, and passes whole', async t => {
  const chunk = Buffer.alloc(1_048_576, 'x')
  const most = 64
  let written = 0
  const { origin, ask } = await startBeforeUpstream(t, (_request, response) => {
    response.writeEarlyHints({ link: '</style.css>; rel=preload' })
    const more = () => {
      while (written < most) {
        written++
        if (!response.write(chunk)) {
          response.once('drain', more)
          return
        }
      }
      response.end()
    }
    more()
  })
  const answer = await ask('/api/v1/large')
  await untilStill(() => written, async () => await fetch(`${origin}/healthz`))
  t.ok(written < most, 'the tenant waits while nobody reads')
  let read = 0
  for await (const piece of answer) read += (piece as Buffer).length
  t.equal(read, most * chunk.length)
})

t.test('redirects are passed on, and lead to the gateway when they led to the tenant', async t => {
  let location = ''
  const { ask, received, upstream, origin } = await startBeforeUpstream(t, (_request, response) => {
    response.writeHead(302, { location, 'content-location': location, link: `<${upstream.origin}/next>; rel="next"` }).end()
  })
  for (const [given, expected] of [
    [`${upstream.origin}/api/v1/users/1`, `${origin}/api/v1/users/1`],
    ['/api/x', '/api/x'],
    ['https://elsewhere.example/x', 'https://elsewhere.example/x']
  ]) {
    location = given as string
    const answer = await ask('/api/x')
    t.equal(answer.statusCode, 302)
    t.equal(answer.headers.location, expected)
    t.equal(answer.headers['content-location'], expected)
    t.equal(answer.headers.link, `<${origin}/next>; rel="next"`)
  }
  t.equal(received.length, 3)
})

const codings = { identity: (body: string) => Buffer.from(body), gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync } as const

t.test('JSON that names no address of the tenant goes on as it came, compressed if it was', async t => {
  let body = Buffer.alloc(0)
  let coding = ''
  const { ask, upstream } = await startBeforeUpstream(t, (_request, response) => {
    response
      .writeHead(200, { 'content-type': 'application/json', 'content-encoding': coding, 'content-length': String(body.length) })
      .end(body)
  })
  for (const href of ['https://cdn.example/1', `https://cdn.example/?of=${upstream.origin}`]) {
    for (const [name, encode] of Object.entries(codings)) {
      coding = name
      body = encode(JSON.stringify({ links: { self: { href } } }))
      const answer = await ask('/api/x', { headers: { 'accept-encoding': 'gzip, br, deflate' } })
      t.same(await buffer(answer), body, `${href} in ${name}`)
      t.match(answer.headers, { 'content-encoding': name, 'content-length': String(body.length) })
    }
  }
})

t.test('JSON that is large when it is opened is opened as it comes', async t => {
  let coding: keyof typeof codings = 'gzip'
  const { ask, upstream, origin } = await startBeforeUpstream(t, (_request, response) => {
    const bytes = codings[coding](JSON.stringify(linksTo(upstream.origin)))
    response
      .writeHead(200, { 'content-type': 'application/json', 'content-encoding': coding, 'content-length': String(bytes.length) })
      .end(bytes)
  })
  const linksTo = (host: string) => Array.from({ length: 10_000 }, (_, id) => ({ href: `${host}/api/v1/items/${id}` }))
  for (coding of ['gzip', 'br', 'deflate'] as const) {
    const answer = await ask('/api/x', { headers: { 'accept-encoding': 'gzip, br, deflate' } })
    t.same(JSON.parse(await text(answer)), linksTo(origin), coding)
    t.notMatch(answer.headers, { 'content-length': String })
    t.notMatch(answer.headers, { 'content-encoding': String })
  }
})

t.test('links in JSON of the API lead to the gateway, whatever its encoding', async t => {
  let coding = 'identity' as keyof typeof codings | 'zstd' | 'constructor'
  let headers: Record<string, string> = {}
  let status = 200
  const { ask, received, upstream, origin } = await startBeforeUpstream(t, (_request, response) => {
    const body = JSON.stringify({ links: { next: { href: `${upstream.origin}/api/v1/items?page=2` } } })
    const bytes = coding === 'zstd' || coding === 'constructor' ? Buffer.from(body) : codings[coding](body)
    response
      .writeHead(status, {
        'content-type': 'application/json',
        'content-encoding': coding,
        'content-length': String(bytes.length),
        etag: '"1"',
        'accept-ranges': 'bytes',
        ...headers
      })
      .end(bytes)
  })
  const rewritten = () => JSON.stringify({ links: { next: { href: `${origin}/api/v1/items?page=2` } } })
  for (coding of ['identity', 'gzip', 'br', 'deflate'] as const) {
    const answer = await ask('/api/x', { headers: { 'accept-encoding': 'gzip, br;q=0.5, zstd' } })
    t.equal(await text(answer), rewritten(), coding)
    t.equal(answer.headers['content-length'], String(rewritten().length), 'no length of the tenant\'s')
    t.notMatch(answer.headers, { 'content-encoding': String })
    t.match(answer.headers.etag, /^W\/"gw-[\w-]{8}-s-1"$/)
  }
  t.equal(received[0]?.headers['accept-encoding'], 'gzip, br;q=0.5', 'only encodings that can be opened are asked for')
  coding = 'identity'
  const head = await ask('/api/x', { method: 'HEAD' })
  t.notOk(head.headers['content-length'], 'HEAD does not tell a length that GET would not have')
  headers = { 'content-type': 'application/vnd.api+json; charset=utf-8' }
  t.equal(await text(await ask('/api/x')), rewritten())
  const untouched: [string, string, number, Record<string, string>, keyof typeof codings | 'zstd' | 'constructor'][] = [
    ['another type', '/api/x', 200, { 'content-type': 'text/plain' }, 'identity'],
    ['a part', '/api/x', 206, {}, 'identity'],
    ['an encoding that cannot be opened', '/api/x', 200, {}, 'zstd'],
    ['an encoding that there is not', '/api/x', 200, {}, 'constructor'],
    ['no API', '/sense/x', 200, {}, 'identity']
  ]
  for (const [title, path, code, more, as] of untouched) {
    status = code
    headers = more
    coding = as
    t.match(await text(await ask(path)), upstream.origin, title)
  }
})

t.test('documents may be framed by our pages only, and keep the rest of their policy', async t => {
  let policies = ["default-src 'self'; frame-ancestors https://tenant.example; img-src *", "frame-ancestors 'none'"]
  const { ask, origin } = await startBeforeUpstream(t, (_request, response) => {
    if (policies[0] !== undefined) response.setHeader('content-security-policy', policies)
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'x-frame-options': 'DENY' }).end('<p>')
  }, { settings: { EMBED_ORIGINS: 'https://portal.example' } })
  const ours = `frame-ancestors ${origin} https://portal.example`
  const framed = await ask('/single/?appid=x')
  t.notOk(framed.headers['x-frame-options'])
  t.equal(framed.headers['content-security-policy'], `default-src 'self'; img-src *, ${ours}`)
  policies = []
  t.equal((await ask('/sense/app/x')).headers['content-security-policy'], ours)
})

t.test('others may frame documents where FRAME_ANCESTORS names them, and embed and call nothing by that', async t => {
  const { ask } = await startBeforeUpstream(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<p>')
  }, { settings: { FRAME_ANCESTORS: "'self' https://*.sharepoint.com" } })
  const origin = 'https://contoso.sharepoint.com'
  t.equal((await ask('/single/?appid=x')).headers['content-security-policy'], "frame-ancestors 'self' https://*.sharepoint.com")
  t.notOk((await ask('/api/x', { headers: { origin } })).headers['access-control-allow-origin'])
  t.equal((await ask('/api/x', { method: 'POST', headers: { origin } })).statusCode, 403)
})

t.test('the pages of a mobile app embed and call by the origin of its web view', async t => {
  const { ask } = await startBeforeUpstream(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' }).end('x')
  }, { settings: { EMBED_ORIGINS: 'capacitor://localhost' } })
  t.match((await ask('/api/x', { headers: { origin: 'capacitor://localhost' } })).headers, {
    'access-control-allow-origin': 'capacitor://localhost',
    'access-control-allow-credentials': 'true'
  })
  t.notOk((await ask('/api/x', { headers: { origin: 'null' } })).headers['access-control-allow-origin'])
})

t.test('public paths are read by anybody, without a token', async t => {
  const { ask, received, origin } = await startBeforeUpstream(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/javascript' }).end('x')
  })
  for (const path of ['/qlik-embed/main.js', '/resources/x.css', '/assets/y.svg']) {
    const answer = await ask(path, { headers: { authorization: 'Bearer mine', origin: 'https://any.example' } })
    t.equal(answer.headers['access-control-allow-origin'], '*')
    t.notOk(answer.headers['set-cookie'])
  }
  t.equal((await ask('/assets/y.svg', { method: 'HEAD' })).statusCode, 200)
  for (const { headers } of received) t.notMatch(headers, { authorization: String })
  const refused = await ask('/assets/y.svg', { method: 'POST', body: 'x' })
  t.equal(refused.statusCode, 405)
  t.equal(refused.headers.allow, 'GET, HEAD')
  t.equal(received.length, 4)
  t.equal((await fetch(`${origin}/assets/y.svg`)).status, 200, 'nor a session')
})

t.test('a plain OPTIONS is forwarded like any method', async t => {
  const { ask, received } = await startBeforeUpstream(t, ok)
  await text(await ask('/api/x', { method: 'OPTIONS' }))
  t.match(received, [{ method: 'OPTIONS' }])
})

t.test('a write that no page of ours sent is refused before the tenant hears of it', async t => {
  const { ask, received, origin } = await startBeforeUpstream(t, ok, { settings: { EMBED_ORIGINS: 'https://portal.example' } })
  const csrf = (await ask('/api/v1/csrf-token')).headers['qlik-csrf-token'] as string
  const cases: [string, Record<string, string>, number, string][] = [
    ['a foreign origin', { origin: 'https://evil.example', 'qlik-csrf-token': csrf }, 403, 'GW-FOREIGN-ORIGIN'],
    ['null', { origin: 'null', 'sec-fetch-site': 'cross-site' }, 403, 'GW-FOREIGN-ORIGIN'],
    ['nothing said', { 'sec-fetch-site': 'none' }, 403, 'GW-FOREIGN-ORIGIN'],
    ['a sibling', { 'sec-fetch-site': 'same-site' }, 403, 'GW-FOREIGN-ORIGIN'],
    ['an embedder without a token', { origin: 'https://portal.example' }, 403, 'GW-CSRF-TOKEN'],
    ['a wrong token', { origin, 'qlik-csrf-token': 'x' }, 403, 'GW-CSRF-TOKEN'],
    ['our origin', { origin }, 200, 'ok'],
    ['same-origin', {}, 200, 'ok'],
    ['a token alone', { 'sec-fetch-site': 'none', 'qlik-csrf-token': csrf }, 200, 'ok'],
    ['an embedder with its token', { origin: 'https://portal.example', 'qlik-csrf-token': csrf }, 200, 'ok']
  ]
  for (const [title, headers, status, body] of cases) {
    const answer = await ask('/api/x', { method: 'POST', headers })
    t.equal(answer.statusCode, status, title)
    const told = await text(answer)
    t.match(told, body, title)
    if (body === 'GW-CSRF-TOKEN') t.equal((JSON.parse(told) as { code: string }).code, 'CSRF-TOKEN-2', 'as Qlik\'s client expects it')
  }
  t.equal(received.length, 4)
  t.match(received[2], { headers: { 'qlik-csrf-token': undefined } })
})

t.test('without a session a program gets 401 and a navigation goes to the login', async t => {
  const { origin, received, ask } = await startBeforeUpstream(t, ok)
  const program = await fetch(`${origin}/api/x`)
  t.equal(program.status, 401)
  t.match(await program.json(), { errors: [{ code: 'GW-NO-SESSION' }] })
  t.equal((await fetch(`${origin}/api/x`, { method: 'POST', headers: { 'sec-fetch-site': 'same-origin' } })).status, 401)
  const navigation = await ask('/sense/app/x?y=1', { headers: { cookie: '', 'sec-fetch-mode': 'navigate' } })
  t.equal(navigation.statusCode, 302)
  t.equal(navigation.headers.location, `${origin}/login?returnto=%2Fsense%2Fapp%2Fx%3Fy%3D1`)
  t.same(received, [])
})

t.test('a tenant that resets or is not there is a 502 that says what to do', async t => {
  const { ask, received, upstream } = await startBeforeUpstream(t, (_request, response) => { response.destroy() })
  const answer = await ask('/api/x')
  t.equal(answer.statusCode, 502)
  t.match(await text(answer), 'GW-TENANT-UNREACHABLE')
  t.equal(received.length, 1)
  upstream.server.close()
  t.equal((await ask('/api/x')).statusCode, 502)
})

t.test('a tenant that never answers is a 504', async t => {
  const { origin } = await serveHttp(t, () => {})
  const app = fastify()
  const agent = new Agent({ headersTimeout: 100 })
  t.teardown(async () => {
    await app.close()
    await agent.destroy()
  })
  const { gateway: options } = readConfig(settingsFor(tenantAt(origin), 3000))
  const tenant = createTenant(options, { log: app.log, redis: undefined })
  t.teardown(async () => { await tenant.close() })
  const impatient = { ...tenant, transport: { ...tenant.transport, dispatch: agent.dispatch.bind(agent) } }
  await app.register(admissionPlugin, { tenantOf: () => impatient, maxHeaders: 100, publicPrefixes: [] })
  await app.register(httpForward, { prefixes: ['/assets'], limitOf: () => ({ acquire: () => () => {} }) })
  app.setErrorHandler((error: GatewayError, _request, reply) => reply.code(error.statusCode).send(error.code))
  t.match(await app.inject('/assets/x'), { statusCode: 504, body: 'GW-TENANT-TIMEOUT' })
})

t.test('a 401 of the tenant renews the token once, for this request where nothing of a body was sent, else for the next', async t => {
  const clock = { ahead: 0 }
  const stage = await startGateway(t, { clock: { now: () => Date.now() + clock.ahead } })
  const browser = await stage.signIn()
  const grants = () => stage.tenant.controls.grants.refresh_token
  const status = async (init = {}) => (await browser.fetch(`${stage.origin}/api/v1/items`, asScript(init))).status
  stage.tenant.controls.endAccessTokens()
  t.equal(await status(), 401, 'a token younger than a minute is not replaced')
  t.equal(grants(), 0)
  clock.ahead = 61_000
  t.equal(await status({ method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }), 401, 'a body cannot be sent twice')
  t.equal(grants(), 1, 'but the token is renewed for the next request')
  t.equal(await status(), 200)
  t.equal(grants(), 1)
  stage.tenant.controls.endAccessTokens()
  clock.ahead += 61_000
  stage.tenant.controls.addFault({ path: '/oauth/token', status: 503 })
  t.equal(await status(), 401, 'when no other token is to be had, the tenant\'s answer is passed on')
  stage.tenant.controls.faults.clear()
  clock.ahead += 61_000
  stage.tenant.controls.revokeAll(alice.id)
  t.equal(await status(), 401)
  t.match(
    await (await browser.fetch(`${stage.origin}/gateway/session`, asScript())).json(),
    { authenticated: false },
    'and when the login has ended, so has the session'
  )
})

t.test('a clock that is set back two hours costs no call', async t => {
  const clock = createClock()
  clock.aheadMs = 2 * 3_600_000
  const stage = await startGateway(t, { clock })
  const browser = await stage.signIn()
  const status = async () => (await browser.fetch(`${stage.origin}/api/v1/items`, asScript())).status
  clock.aheadMs = 0
  t.equal(await status(), 200)
  stage.tenant.controls.endAccessTokens()
  t.equal(await status(), 200, 'a token of the future is renewed when the tenant refuses it')
  t.equal(stage.tenant.controls.grants.refresh_token, 1)
  t.equal(await status(), 200)
})

t.test('a path that always answers 401 costs one grant, whatever the method and however often it is asked', async t => {
  for (const init of [{}, { method: 'POST', body: '{}' }]) {
    const clock = { ahead: 0 }
    let grants = 0
    let refusing = true
    const { ask } = await startBeforeUpstream(t, (request, response) => {
      const tokens = () => `{"access_token":"token-${++grants}","expires_in":86400}`
      if (request.url === '/oauth/token') response.setHeader('content-type', 'application/json').end(tokens())
      else if (request.url === '/api/v1/closed' && refusing) response.writeHead(401).end()
      else response.end()
    }, { clock: { now: () => Date.now() + clock.ahead } })
    for (let minutes = 2; minutes < 10; minutes += 2) {
      clock.ahead = minutes * 60_000
      t.equal((await ask('/api/v1/closed', init)).statusCode, 401)
    }
    t.equal(grants, 1)
    refusing = false
    t.equal((await ask('/api/v1/closed', init)).statusCode, 200)
  }
})

t.test('a 401 whose body is still to come is left for the answer to the new token', async t => {
  const clock = { ahead: 0 }
  const { ask } = await startBeforeUpstream(t, (request, response) => {
    const tokens = { access_token: 'another', token_type: 'bearer', expires_in: 3600, refresh_token: 'next' }
    if (request.url === '/oauth/token') response.setHeader('content-type', 'application/json').end(JSON.stringify(tokens))
    else if (request.headers.authorization === 'Bearer an-access-token') response.writeHead(401).flushHeaders()
    else response.end(request.headers['content-type'])
  }, { clock: { now: () => Date.now() + clock.ahead } })
  clock.ahead = 61_000
  const answer = await ask('/api/v1/items', { headers: { 'content-type': 'of/no-body' } })
  t.equal(answer.statusCode, 200)
  t.equal(await text(answer), 'of/no-body')
})

t.test('product information never answers 401, a redirect or an error', async t => {
  const give = (senseId: string): RequestListener => (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ composition: { senseId } }))
  }
  const fail = (status: number): RequestListener => (_request, response) => {
    response.writeHead(status, { location: '/login' }).end('<html>')
  }
  let answer = fail(200)
  const clock = stopMonotonic(t)
  const { origin, received, upstream } = await startBeforeUpstream(t, (request, response) => { answer(request, response) })
  const read = async () => {
    clock.ms += 60_000
    const response = await fetch(`${origin}/resources/autogenerated/product-info.json`, { headers: { origin: 'https://any.example' } })
    t.equal(response.status, 200)
    t.equal(response.headers.get('access-control-allow-origin'), '*')
    return await response.json() as object
  }
  const minimal = { composition: { productName: 'Qlik Cloud', provider: 'kubernetes' } }
  for (const status of [200, 302, 401, 404, 500]) {
    answer = fail(status)
    t.same(await read(), minimal, String(status))
  }
  answer = give('x')
  t.same(await read(), { composition: { senseId: 'x' } })
  t.match(received[0], { headers: { authorization: undefined } })
  for (const next of [fail(500), give('y')]) {
    answer = next
    const before = received.length
    t.same(await read(), { composition: { senseId: 'x' } }, 'what is known stays known, and nobody waits for a newer one')
    await until(() => received.length > before)
  }
  await until(async () => JSON.stringify(await read()).includes('y'))
  upstream.server.close()
  upstream.server.closeAllConnections()
  t.same(await read(), { composition: { senseId: 'y' } }, 'nobody there')
})

t.test('an answer that cannot be passed on is 502, whole or begun, and the gateway lives', async t => {
  const { ask } = await startBeforeUpstream(t, (request, response) => {
    const { socket } = request
    // A status that HTTP does not know; node would not write it.
    socket.write(`HTTP/1.1 999 Odd\r\nContent-Length: 4\r\n\r\n${request.url === '/api/whole' ? 'odd.' : 'o'}`)
    response.socket?.on('error', () => {})
  })
  for (const path of ['/api/whole', '/api/begun', '/api/whole']) t.equal((await ask(path)).statusCode, 502, path)
})
