import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Writable } from 'node:stream'
import fastify, { LogController, type FastifyInstance, type FastifyPluginAsync } from 'fastify'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { alice } from '../sandbox/identities.js'
import { startTenant } from '../sandbox/tenant.js'
import { productInfoRoute } from '../src/embed/product-info.js'
import { httpForward } from '../src/forward/http.js'
import { handshakes } from '../src/forward/upgrades.js'
import { webSocketForward } from '../src/forward/websocket.js'
import { ConfigError, gateway, type GatewayOptions } from '../src/gateway.js'
import { hostSessionPlugin } from '../src/login/host-session.js'
import { loginRoute } from '../src/login/login.js'
import { logoutRoutes } from '../src/login/logout.js'
import { policyPlugin } from '../src/policy/policy-hook.js'
import { startSession, type Session } from '../src/session/record.js'
import { ticketRoute } from '../src/session/ticket-route.js'
import { createBrowser, login } from './helpers/browser-jar.js'
import { asScript, nowhere, startGateway } from './helpers/gateway.js'
import { until } from './helpers/log.js'
import { startPlainTenant } from './helpers/plain-tenant.js'
import { reservePort } from './helpers/ports.js'
import { sendRaw } from './helpers/raw.js'
import { cookieOf, freshSession, sessionKey } from './helpers/session-cookie.js'

const least: GatewayOptions = {
  tenantUrl: 'http://127.0.0.1:1',
  clientId: 'client',
  clientSecret: 'secret',
  publicUrl: 'http://localhost:3000',
  sessionKeys: sessionKey
}

/** An application of somebody else, with the gateway in it. */
async function startHost (t: Test, options: Partial<GatewayOptions>, prepare: (app: FastifyInstance) => void = () => {}) {
  const app = fastify()
  t.teardown(async () => { await app.close() })
  prepare(app)
  await app.register(gateway, { ...least, ...options })
  await app.ready()
  return app
}

t.test('a login, the session, calls and the logout work inside of a host application, below a path', async t => {
  const port = await reservePort()
  const origin = `http://localhost:${port}`
  const tenant = await startTenant({ redirectUris: [`${origin}/qlik/login/callback`] })
  t.teardown(async () => { await tenant.close() })
  const { id: clientId, secret: clientSecret } = tenant.client
  const app = await startHost(t, { tenantUrl: tenant.origin, clientId, clientSecret, publicUrl: `${origin}/qlik/` }, app => {
    app.get('/', async () => 'the host')
    app.get('/who', async request => ({ user: await request.qlikUser() ?? null }))
  })
  await app.listen({ host: '127.0.0.1', port })
  const browser = createBrowser()
  const who = async () => await (await browser.fetch(`${origin}/who`)).json() as { user: { name: string } | null }
  t.same(await who(), { user: null })
  const home = await login(browser, `${origin}/qlik/login?returnto=/`, alice)
  t.equal(home.url, `${origin}/`)
  t.equal(await home.text(), 'the host')
  const session = await (await browser.fetch(`${origin}/qlik/gateway/session`, asScript())).json() as object
  t.match(session, {
    authenticated: true,
    user: { name: alice.name },
    loginUrl: `${origin}/qlik/login`,
    logoutUrl: `${origin}/qlik/logout`
  })
  t.match(await who(), { user: { name: alice.name } }, 'the host may know who it is')
  const items = await browser.fetch(`${origin}/qlik/api/v1/items?limit=1`, asScript())
  t.match(await items.json(), { data: Array, links: { next: { href: new RegExp(`^${origin}/qlik/api/v1/items\\?`) } } })
  t.equal((await browser.fetch(`${origin}/qlik/logout`, { redirect: 'manual' })).headers.get('location'), `${origin}/qlik/`)
  t.match(await (await browser.fetch(`${origin}/qlik/gateway/session`, asScript())).json(), { authenticated: false })
  t.same(await who(), { user: null })
})

t.test('who is signed in is asked of each gateway of an application, and a tenant that gives no answer is told in the log', async t => {
  const tenants = [
    await startPlainTenant(t),
    await startPlainTenant(t, ({ url }, response) => {
      const answer = url === '/oauth/token' ? { access_token: 'another', expires_in: 3600 } : { id: 'u1', name: 'Ada' }
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
    }),
    await startPlainTenant(t, (_request, response) => {
      response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_grant"}')
    })
  ]
  const app = fastify()
  t.teardown(async () => { await app.close() })
  app.get('/who', async request => ({ user: await request.qlikUser() ?? null }))
  for (const [at, tenant] of tenants.entries()) {
    const users = at === 2 ? { credentials: 'impersonation' as const, identify: async () => undefined } : {}
    await app.register(gateway, { ...least, ...users, tenantUrl: tenant.origin, publicUrl: `http://localhost:3000/${at}` })
  }
  const asked = async (at: number, session: Session = freshSession()) => {
    const users = at === 2 ? { credentials: 'impersonation' as const } : {}
    const cookie = await cookieOf(session, { origin: String(tenants[at]?.origin), client: { id: least.clientId }, ...users })
    return (await app.inject({ url: '/who', headers: { cookie } })).json<{ user: object | null }>().user
  }
  t.same(await asked(1), { id: 'u1', name: 'Ada' })
  t.equal(await asked(0), null, 'a tenant that describes nobody')
  t.equal(await asked(2, startSession({ user: 'ada', statement: '' }, Date.now())), null, 'a user whom the tenant refuses')
  const due = freshSession()
  t.same(
    await asked(1, { ...due, grant: { ...due.grant, grantedAt: 0, endsAt: Date.now() } }),
    { id: 'u1', name: 'Ada' },
    'a token that is over is renewed'
  )
  const { grant: { refreshToken, ...grant }, ...session } = freshSession()
  t.equal(await asked(1, { ...session, grant: { ...grant, endsAt: Date.now() } }), null, 'a session that ended with its token')
})

t.test('who is signed in is asked again if the token was replaced and refused while the tenant was asked', async t => {
  let refuse: (() => void) | undefined
  const tenant = await startPlainTenant(t, ({ url, headers: { authorization } }, response) => {
    const send = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    if (url === '/oauth/token') send(200, { access_token: 'another', refresh_token: 'next', token_type: 'bearer', expires_in: 3600 })
    else if (authorization === 'Bearer another') send(200, { id: 'u1' })
    else if (url === '/api/v1/users/me') refuse = () => { send(401, {}) }
    else send(401, {})
  })
  const app = await startHost(t, { tenantUrl: tenant.origin }, app => {
    app.get('/who', async request => ({ user: await request.qlikUser() ?? null }))
  })
  // A token that was granted just now is not replaced.
  const headers = { cookie: await cookieOf(freshSession(Date.now() - 120_000), tenant), host: 'localhost:3000' }
  const who = app.inject({ url: '/who', headers })
  await until(() => refuse !== undefined)
  t.equal((await app.inject({ url: '/api/x', headers })).statusCode, 200, 'a call whose token is refused has it replaced')
  refuse?.()
  t.same((await who).json(), { user: { id: 'u1' } })
})

t.test('files of the public folder are asked about at each load, but for those whose names change with their content', async t => {
  const publicFolder = t.testdir({ 'index.html': '<p>', 'app.0123456789abcdef.js': ';' })
  const app = await startHost(t, { publicFolder })
  for (const [url, kept] of [['/', 'no-cache'], ['/app.0123456789abcdef.js', 'public, max-age=31536000, immutable']] as const) {
    t.match(await app.inject({ url }), { statusCode: 200, headers: { 'cache-control': kept } }, url)
  }
})

t.test('a mount path without its slash leads to the page', async t => {
  const { origin } = await startGateway(t, { tenant: nowhere, settings: { PUBLIC_URL: 'https://app.example.com/qlik' } })
  const answer = await fetch(`${origin}/qlik?app=x`, { redirect: 'manual' })
  t.equal(answer.status, 308)
  t.equal(answer.headers.get('location'), 'https://app.example.com/qlik/?app=x')
  t.equal((await fetch(`${origin}/qlik/`)).status, 200)
  t.equal((await fetch(`${origin}/qlik/.stamp`)).status, 404)
})

t.test('the routes of the host application are left alone', async t => {
  const app = await startHost(t, { publicUrl: 'https://app.example.com/qlik', embedOrigins: ['https://portal.example.com'] }, app => {
    app.setErrorHandler((error: Error, _request, reply) => reply.code(418).send(error.message))
    app.setNotFoundHandler((_request, reply) => reply.code(404).send('nothing of the host'))
    app.get('/page', async request => ({ decorated: 'qlikSession' in request || 'target' in request, id: request.id }))
    app.post('/form', async request => request.body)
    app.get('/fails', async () => { throw new Error('the host failed') })
    app.get('/a', async () => 'a')
  })
  const page = await app.inject({
    url: '/page',
    headers: { origin: 'https://portal.example.com', cookie: `__Host-qlik-session=${'x'.repeat(50)}` }
  })
  t.match(page.json(), { decorated: false, id: /^req-/ }, 'its ids are its own')
  t.same(Object.keys(page.headers).sort(), ['connection', 'content-length', 'content-type', 'date'], 'no header is the gateway\'s')
  t.same(
    (await app.inject({ url: '/form', method: 'POST', payload: { x: 1 } })).json(),
    { x: 1 },
    'its bodies are parsed, and need no proof'
  )
  t.match(await app.inject({ url: '/fails' }), { statusCode: 418, body: 'the host failed' })
  t.match(await app.inject({ url: '/nowhere' }), { statusCode: 404, body: 'nothing of the host' })
  t.match(await app.inject({ url: '/%61' }), { statusCode: 200, body: 'a' })
  const refused = await app.inject({ url: '/qlik/api/v1/items' })
  t.match(refused.json(), { errors: [{ code: 'GW-NO-SESSION' }] })
  t.match(refused.headers['strict-transport-security'], 'max-age=', 'the gateway\'s own answers have HSTS')
})

t.test('a part that is registered before the parts whose decorators it reads says which one is missing', async t => {
  for (const [part, missing] of [
    [productInfoRoute, 'admission'], [httpForward, 'admission'], [policyPlugin, 'admission'], [hostSessionPlugin, 'admission'],
    [loginRoute, 'admission'], [logoutRoutes, 'admission'], [webSocketForward, 'admission'],
    [ticketRoute, 'session'], [handshakes, 'request-signals']
  ] as [FastifyPluginAsync<object>, string][]) {
    await t.rejects(async () => { await fastify().register(part) }, { message: new RegExp(`dependency '${missing}' of plugin`) })
  }
})

t.test('of two gateways in one application each takes its own upgrades, and nobody\'s are refused', async t => {
  const port = await reservePort()
  const origin = `http://localhost:${port}`
  const app = await startHost(t, { publicUrl: `${origin}/one` }, app => {
    app.register(gateway, { ...least, publicUrl: `${origin}/two` })
  })
  await app.listen({ host: '127.0.0.1', port })
  const upgrade = `Host: x\r\nOrigin: ${origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
  for (const [path, status] of [['/one/app/x', 401], ['/two/app/x', 401], ['/three/app/x', 404]] as const) {
    t.equal((await sendRaw(t, origin, `GET ${path} HTTP/1.1\r\n${upgrade}`)).status, status, path)
  }
})

t.test('upgrades of the host application are its own', async t => {
  const port = await reservePort()
  const app = await startHost(t, { publicUrl: `http://localhost:${port}` })
  const sockets = new WebSocketServer({ noServer: true })
  app.server.on('upgrade', (request, socket, head) => {
    if (request.url === '/chat') sockets.handleUpgrade(request, socket, head, chat => { chat.send('hello') })
  })
  await app.listen({ host: '127.0.0.1', port })
  const chat = new WebSocket(`ws://localhost:${port}/chat`)
  t.equal(String((await once(chat, 'message'))[0]), 'hello')
  chat.terminate()
  const origin = `http://localhost:${port}`
  const upgrade = `Host: x\r\nOrigin: ${origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
  const refused = await sendRaw(t, origin, `GET /app/x HTTP/1.1\r\n${upgrade}\r\n`)
  t.equal(refused.status, 401, 'the engine\'s are the gateway\'s')
})

t.test('two gateways live in one application, each with its own sessions', async t => {
  const tenants = [await startPlainTenant(t), await startPlainTenant(t)]
  const app = fastify()
  t.teardown(async () => { await app.close() })
  for (const [at, tenant] of tenants.entries()) {
    await app.register(gateway, {
      ...least,
      tenantUrl: tenant.origin,
      publicUrl: `http://localhost:3000/${at}`,
      sessionKeys: at === 0 ? sessionKey : randomBytes(32)
    })
  }
  const cookie = await cookieOf(freshSession(), { origin: String(tenants[0]?.origin), client: { id: least.clientId } })
  t.equal((await app.inject({ url: '/0/api/v1/items', headers: { cookie } })).statusCode, 200)
  t.equal((await app.inject({ url: '/1/api/v1/items', headers: { cookie } })).statusCode, 401)
  t.same(tenants.map(({ requests }) => requests.length), [1, 0])
})

t.test('options that are missing, wrong or unsafe stop the application at its start', async t => {
  for (const [changes, fault] of [
    [{ tenantUrl: 'http://tenant.example.com' }, /tenantUrl is not https/],
    [{ sessionKeys: [] }, /sessionKeys is required/],
    [{ cookieMode: 'cross-site' }, /cookieMode is cross-site, which needs https.*\n.*embedOrigins is empty/],
    [{ forwardPrivate: ['/oauth'] }, /forwardPrivate holds \/oauth/],
    [{ credentials: 'impersonation', identify: () => undefined, identityJwtHeader: 'x-identity' },
      /identityJwtHeader is set, and identify\(\) too/]
  ] as const) {
    const app = fastify()
    await t.rejects(async () => await app.register(gateway, { ...least, ...changes } as GatewayOptions), {
      constructor: ConfigError,
      message: fault
    })
  }
})

t.test('without a folder of its own the gateway serves no files, and the host answers what nobody knows', async t => {
  const app = await startHost(t, {})
  t.match((await app.inject({ url: '/index.html' })).json(), { message: /not found/, statusCode: 404 })
  const withFolder = await startHost(t, { publicFolder: t.testdir({ 'index.html': '<p>mine</p>', '.env': 'secret' }) })
  const index = await withFolder.inject({ url: '/' })
  t.match(index, {
    statusCode: 200,
    body: '<p>mine</p>',
    headers: { 'x-content-type-options': 'nosniff', 'referrer-policy': 'same-origin' }
  })
  t.match((await withFolder.inject({ url: '/no-such-file' })).json(), { errors: [{ code: 'GW-NOT-FOUND' }], traceId: String })
})

t.test('hundreds of cookies beside a session are refused with what to do, on every route that opens it', async t => {
  const tenant = await startPlainTenant(t)
  const { app } = await startGateway(t, { tenant })
  const hundreds = Array.from({ length: 150 }, (_, each) => `c${each}=x`).join('; ')
  const cookie = `${hundreds}; ${await cookieOf(freshSession(), tenant)}; qlik-login-0123456789ab=1.x`
  for (const url of [
    '/api/v1/items', '/gateway/session', '/login', '/login/callback?state=x&code=y', '/logout', '/api/v1/csrf-token',
    '/single/'
  ]) {
    const answer = await app.inject({ url, headers: { cookie } })
    t.equal(answer.statusCode, 431, url)
    t.match(answer.json(), { errors: [{ code: 'GW-TOO-MANY-COOKIES' }] })
    t.equal(answer.headers['set-cookie'], undefined)
  }
})

t.test('cookies have the names and attributes that the public URL and the mode ask for', async t => {
  const tenant = await startPlainTenant(t)
  const cases: [settings: NodeJS.ProcessEnv, name: string, session: RegExp, login: RegExp][] = [
    [{}, 'qlik-', /; Path=\/; HttpOnly; SameSite=Lax$/, /; Path=\/; HttpOnly; SameSite=Lax$/],
    [{ PUBLIC_URL: 'https://app.example.com/qlik', COOKIE_NAME: 'sales' }, '__Host-sales-',
      /; Path=\/; HttpOnly; Secure; SameSite=Lax$/, /; Path=\/; HttpOnly; Secure; SameSite=Lax$/],
    [{ PUBLIC_URL: 'https://app.example.com/qlik', COOKIE_MODE: 'cross-site', EMBED_ORIGINS: 'https://portal.example.org' },
      '__Host-qlik-', /; Path=\/; HttpOnly; Secure; Partitioned; SameSite=None$/, /; Path=\/; HttpOnly; Secure; SameSite=Lax$/]
  ]
  for (const [settings, prefix, session, loginCookie] of cases) {
    const { app } = await startGateway(t, { tenant, settings })
    const path = settings.PUBLIC_URL === undefined ? '' : '/qlik'
    const begun = await app.inject({ url: `${path}/login` })
    t.match(begun.headers, { 'set-cookie': loginCookie, 'cache-control': 'no-store' })
    t.ok(String(begun.headers['set-cookie']).startsWith(`${prefix}login-`))
    const name = `${prefix}session${settings.COOKIE_MODE === undefined ? '' : '-x'}`
    const out = await app.inject({ url: `${path}/logout`, headers: { cookie: `${name}=1.of-another-key` } })
    t.equal(out.headers['cache-control'], 'no-store')
    const cleared = out.headers['set-cookie'] as string[]
    t.same(cleared.map(line => line.split('; Path')[0]), ['', '.1', '.2', '.3'].map(part => `${name}${part}=; Max-Age=0`))
    for (const line of cleared) t.match(line, session)
  }
})

t.test('the reference of an error leads to its lines in the log, which hold no address', async t => {
  const lines: string[] = []
  const stream = new Writable({
    write (line: Buffer, _encoding, done) {
      lines.push(line.toString())
      done()
    }
  })
  const app = fastify({ logger: { level: 'debug', stream }, logController: new LogController({ disableRequestLogging: true }) })
  t.teardown(async () => { await app.close() })
  await app.register(gateway, least)
  const answer = await app.inject({ url: '/api/v1/secret-place?code=hush', headers: { cookie: 'qlik-session=1.hush-hush' } })
  const { traceId } = answer.json<{ traceId: string }>()
  const own = lines.map(line => JSON.parse(line) as Record<string, unknown>).filter(({ reqId }) => reqId === traceId)
  t.match(own, [{ level: 20, code: 'GW-NO-SESSION' }, { level: 40, msg: 'request', method: 'GET', route: '/api', status: 401 }])
  t.notMatch(lines.join(''), /secret-place|hush/)
})
