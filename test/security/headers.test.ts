import fc from 'fast-check'
import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { readConfig } from '../../src/settings/config.js'
import { nowhere, settingsFor, startGateway } from '../helpers/gateway.js'
import { serveHttp } from '../helpers/servers.js'
import { startBeforeUpstream } from '../helpers/upstream.js'

const runs = Number(process.env.FC_RUNS ?? 300)

const forbidden = [
  'authorization', 'cookie', 'cookie2', 'host', 'origin', 'referer',
  'forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-user',
  'x-auth-user', 'x-auth-request-email', 'x-original-url', 'x-rewrite-url', 'x-real-ip', 'qlik-csrf-token', 'qlik-web-integration-id',
  'connection', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'te', 'trailer', 'upgrade', 'http2-settings', 'expect'
]
const harmless = [
  'accept', 'accept-language', 'qlik-api-version', 'x-custom', 'x-forward', 'x-author', 'if-none-match', 'range', 'traceparent',
  'x_custom', 'content-language'
]

const alias = fc.tuple(fc.constantFrom(...forbidden, ...harmless), fc.constantFrom('-', '_', '.'), fc.boolean())
  .map(([name, separator, upper]) => upper ? name.replaceAll('-', separator).toUpperCase() : name.replaceAll('-', separator))
// Values that Node itself would refuse or act on before the gateway sees them are the concern of other tests.
const value = fc.constantFrom('x', 'Bearer mine', 'a=b; qlik-session=mine', 'https://evil.example', '127.0.0.1', 'root')
const header = fc.oneof(
  fc.tuple(alias, value),
  fc.tuple(
    fc.constant('Connection'),
    fc.subarray([...harmless, 'authorization', 'host', 'keep-alive', 'x-hop'], { minLength: 1 }).map(names => names.join(', '))
  )
).filter(([name]) => !/^(?:host|expect|upgrade|te|trailer|http2-settings|proxy-connection|keep-alive)$/i.test(name))

// CVE-2026-33805: a name in Connection strips what the proxy adds. CVE-2025-64484: X_Forwarded_For and its like pass a filter of names.
t.test('whatever headers a client sends, the tenant gets the session\'s token and its own host, and nothing that ' +
  'speaks of page, proxy or session', async t => {
  const received: IncomingHttpHeaders[] = []
  const { origin: upstream } = await serveHttp(t, (request, response) => {
    received.push(request.headers)
    response.end()
  })
  const { origin, cookie } = await startGateway(t, { tenant: { origin: upstream } })
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => { agent.destroy() })
  await fc.assert(fc.asyncProperty(fc.array(header, { maxLength: 12 }), async headers => {
    // Two Cookie or Origin headers of a client are its own affair.
    const lines = [...headers.filter(([name]) => !/^(?:cookie|origin)$/i.test(name)), ['Cookie', cookie]].flat()
    const request = httpRequest({ agent, host: '127.0.0.1', port: new URL(origin).port, path: '/api/x', headers: ['Host', 'x', ...lines] })
    request.end()
    const [answer] = await once(request, 'response') as [IncomingMessage]
    await text(answer)
    const seen = received.pop()
    if (answer.statusCode !== 200 || seen === undefined) throw new Error(`answered ${answer.statusCode}`)
    if (seen.authorization !== 'Bearer an-access-token' || seen.host !== new URL(upstream).host) {
      throw new Error(`${seen.authorization} at ${seen.host}`)
    }
    const named = new Set(lines.filter((_, at) => lines[at - 1] === 'Connection').flatMap(names => names.split(', ')))
    for (const name of Object.keys(seen)) {
      const canonical = name.replace(/[_.]/g, '-')
      const isItsOwn = canonical === 'host' || name === 'authorization' || name === 'connection'
      if (!isItsOwn && forbidden.includes(canonical) && canonical !== 'cookie2') throw new Error(`${name} arrived`)
      if (named.has(name) && name !== 'authorization' && name !== 'host') throw new Error(`${name} is one of this connection and arrived`)
    }
    for (const [name] of headers) {
      const lower = name.toLowerCase()
      if (harmless.includes(lower) && !named.has(lower) && seen[lower] === undefined) throw new Error(`${lower} is lost`)
    }
  }), { numRuns: runs })
})

// CVE-2026-120415: a client that follows redirects takes the token to whoever is named there.
t.test('a redirect is never followed, and its target never gets the token', async t => {
  let told = 0
  const { origin: elsewhere } = await serveHttp(t, (_request, response) => {
    told++
    response.end()
  })
  const { origin: upstream } = await serveHttp(t, (request, response) => {
    response.writeHead(Number(request.url?.slice(-3)), { location: `${elsewhere}/x` }).end()
  })
  const { origin, cookie } = await startGateway(t, { tenant: { origin: upstream } })
  for (const status of [301, 302, 303, 307, 308]) {
    const answer = await fetch(`${origin}/api/${status}`, { headers: { cookie }, redirect: 'manual' })
    t.equal(answer.status, status)
    t.equal(answer.headers.get('location'), `${elsewhere}/x`, 'the browser decides, without a token')
  }
  t.equal(told, 0)
})

t.test('X-Forwarded-* names the client for the log when a listed proxy sends it, and nothing else ever', async t => {
  const hostile = {
    'x-forwarded-for': '203.0.113.9',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
    'x-forwarded-prefix': '/evil',
    forwarded: 'host=evil.example;proto=https',
    host: 'evil.example'
  }
  for (const [proxies, client] of [['', '127.0.0.1'], ['10.0.0.0/8', '127.0.0.1'], ['127.0.0.0/8 ::1', '203.0.113.9']] as const) {
    let ip = ''
    const { app, signals } = await startGateway(t, { tenant: nowhere, settings: { TRUSTED_PROXIES: proxies } })
    signals.on('answered', request => { ip = request.ip })
    const answer = await app.inject({ url: '/login?returnto=/x', headers: hostile, remoteAddress: '127.0.0.1' })
    t.equal(ip, client, `with ${proxies || 'no proxies'}`)
    const { searchParams } = new URL(answer.headers.location as string)
    t.match(searchParams.get('redirect_uri'), /^http:\/\/localhost:\d+\/login\/callback$/)
    t.match(answer.headers['set-cookie'], /^qlik-login-[\da-f]{12}=[^;]+; Max-Age=3600; Path=\/; HttpOnly; SameSite=Lax$/)
    const session = await app.inject({ url: '/gateway/session', headers: hostile })
    t.match(session.json(), { loginUrl: /^http:\/\/localhost:\d+\/login$/ })
    const navigation = await app.inject({ url: '/api/v1/items', headers: { ...hostile, 'sec-fetch-mode': 'navigate' } })
    t.match(navigation.headers.location, /^http:\/\/localhost:\d+\/login\?returnto=%2Fapi%2Fv1%2Fitems$/)
  }
})

// CVE-2026-92395: Fastify takes a number for nobody and true for everybody; an IPv4-mapped range holds all of IPv4.
t.test('trusted proxies are ranges that trust neither everybody nor nobody', async t => {
  const settings = settingsFor({ origin: 'https://tenant.example', client: { id: 'id', secret: 'secret' } }, 3000)
  const refused = [
    'true', '1', '127.0.0.1, true', 'loopback', '0.0.0.0/0', '::/0', '10.0.0.0/33', 'fd00::/129', '10.0.0.0/255.0.0.0',
    '10.0.0.0/8/8', '10.0.0.0/', '/8', '10.0.0/8', 'fe80::1%eth0',
    '::ffff:0:0/96', '::FFFF:10.0.0.0/104', '::ffff:10.0.0.1', '0:0:0:0:0:ffff:0:0/96', '0000::ffff:0a00:0001', '::/8', '::/80',
    '::fffe:0:0/95'
  ]
  for (const ranges of refused) {
    t.throws(
      () => readConfig({ ...settings, TRUSTED_PROXIES: ranges }),
      /TRUSTED_PROXIES holds (?:something that is not a CIDR range|a range of all addresses)/,
      ranges
    )
  }
  for (const ranges of ['10.0.0.0/8 172.16.0.0/12', '192.0.2.1/32', '2001:db8::/32', '::1', '::1/128', '::fffe:0:0/96', 'FD00::1']) {
    t.ok(readConfig({ ...settings, TRUSTED_PROXIES: ranges }), ranges)
  }
})

t.test('nothing that speaks for the tenant\'s origin or one connection comes back', async t => {
  const { ask } = await startBeforeUpstream(t, (_request, response) => {
    response.writeHead(200, {
      'set-cookie': ['eas.sid=1', 'x=2'],
      'access-control-allow-origin': 'https://tenant.example',
      'access-control-allow-credentials': 'true',
      'strict-transport-security': 'max-age=1',
      'alt-svc': 'h3=":443"',
      'clear-site-data': '"*"',
      connection: 'close, x-internal',
      'x-internal': '1',
      'x-frame-options': 'DENY',
      'content-disposition': 'attachment; filename=x',
      'x-custom': 'stays',
      etag: '"1"'
    }).end('ok')
  })
  const { headers } = await ask('/api/x')
  delete headers.date
  delete headers['keep-alive']
  t.same(headers, {
    connection: 'keep-alive',
    'transfer-encoding': 'chunked',
    'x-frame-options': 'DENY',
    'content-disposition': 'attachment; filename=x',
    'x-custom': 'stays',
    etag: '"1"',
    'cache-control': 'private, no-store'
  })
})
