import { once } from 'node:events'
import { createServer as createHttpServer, get, type IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import { connect, type AddressInfo } from 'node:net'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { createDial } from '../../src/tenants/dial.js'
import { createProxyAgent, openTunnel, proxyFor } from '../../src/tenants/outbound-proxy.js'
import { builtCommand, measuredCommand } from '../helpers/command.js'
import { createCertificate } from '../helpers/certificate.js'
import { settingsFor } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { reservePort } from '../helpers/ports.js'
import { noteOutputOf } from '../helpers/run-record.js'
import { serveHttp } from '../helpers/servers.js'
import { cookieOf, freshSession, tenantAt } from '../helpers/session-cookie.js'

const port = async (server: { listen: (port: number, host: string) => unknown, address: () => unknown } & NodeJS.EventEmitter) => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** A forward proxy with a password: whatever a tunnel is asked for, it leads to one port of this machine. */
async function startProxy (t: Test, target: number, tls?: { key: string, cert: string }) {
  const tunnels: string[] = []
  const refused: (string | undefined)[] = []
  const proxy = tls === undefined ? createHttpServer() : createServer(tls)
  proxy.on('connect', (request, client) => {
    client.on('error', () => {})
    const { 'proxy-authorization': credentials } = request.headers
    if (credentials !== `Basic ${Buffer.from('user:p@ss').toString('base64')}`) {
      refused.push(credentials)
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="proxy"\r\nContent-Length: 0\r\n\r\n')
      return
    }
    tunnels.push(String(request.url))
    const upstream = connect(target, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      upstream.pipe(client).pipe(upstream)
    }).on('error', () => { client.destroy() })
    t.teardown(() => { upstream.destroy() })
  })
  const at = await port(proxy)
  t.teardown(() => { proxy.close() })
  return { tunnels, refused, address: (credentials: string) => `${tls === undefined ? 'http' : 'https'}://${credentials}@127.0.0.1:${at}` }
}

/** A tenant behind TLS that no DNS knows, behind a proxy, and the settings of a gateway that trusts its authority. */
async function setUpTenant (t: Test, credentials: string, secureProxy = false) {
  const hostname = 'tenant.example.test'
  const { key, cert } = createCertificate([hostname, '127.0.0.1'])
  const asked: string[] = []
  const tenant = createServer({ key, cert }, (request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.host}`)
    response.setHeader('content-type', 'application/json')
    response.end('{"access_token":"another","refresh_token":"another","token_type":"bearer","expires_in":3600,"id":"me"}')
  })
  tenant.on('upgrade', (request, socket) => {
    asked.push(`upgrade ${request.url} ${request.headers.host}`)
    socket.end('HTTP/1.1 418 I am a teapot\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  })
  const proxy = await startProxy(t, await port(tenant), secureProxy ? { key, cert } : undefined)
  t.teardown(() => {
    tenant.closeAllConnections()
    tenant.close()
  })
  const origin = `https://${hostname}`
  const own = await reservePort()
  const env = {
    ...settingsFor({ origin }, own),
    LOG_LEVEL: 'trace',
    HTTPS_PROXY: proxy.address(credentials),
    NODE_EXTRA_CA_CERTS: `${t.testdir({ 'authority.pem': cert })}/authority.pem`
  }
  return { asked, proxy, origin, hostname, env, gateway: `http://localhost:${own}` }
}

/** The same, and the gateway as a process. */
async function setUp (t: Test, credentials: string, secureProxy = false) {
  const stage = await setUpTenant(t, credentials, secureProxy)
  const [command, ...words] = builtCommand
  const child = spawn(command, words, {
    env: { PATH: process.env.PATH, ...stage.env },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  noteOutputOf(child)
  t.teardown(() => { child.kill('SIGKILL') })
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', line => { lines.push(line) })
  await until(() => lines.some(line => line.includes('"ready"')))
  return { ...stage, lines }
}

/** Statuses of a call, of a call after a refresh, and of an upgrade. */
async function tryAll (gateway: string, tenant: string): Promise<number[]> {
  const session = freshSession()
  const cookie = await cookieOf(session, tenantAt(tenant))
  const due = await cookieOf(
    { ...session, id: 'due', grant: { ...session.grant, refreshToken: 'due', grantedAt: 0, endsAt: Date.now() - 1 } },
    tenantAt(tenant)
  )
  const call = await fetch(`${gateway}/api/x`, { headers: { cookie } })
  const refreshed = await fetch(`${gateway}/api/y`, { headers: { cookie: due } })
  const socket = new WebSocket(`${gateway.replace('http', 'ws')}/app/z`, { headers: { cookie, origin: gateway } }).on('error', () => {})
  const [, answer] = await once(socket, 'unexpected-response') as [unknown, { statusCode: number }]
  return [call.status, refreshed.status, answer.statusCode]
}

t.test('all that goes to the tenant passes the outbound proxy: calls, tokens and sockets, with the credentials that ' +
  'the proxy asks for', async t => {
  const { asked, proxy, origin, hostname, lines, gateway } = await setUp(t, 'user:p%40ss')
  t.same(await tryAll(gateway, origin), [200, 200, 418])
  for (const request of ['GET /api/x', 'POST /oauth/token', 'GET /api/y', 'upgrade /app/z']) {
    t.ok(asked.includes(`${request} ${hostname}`), request)
  }
  t.ok(proxy.tunnels.length >= 3)
  t.same([...new Set(proxy.tunnels)], [`${hostname}:443`])
  t.notMatch(lines.join('\n'), /p@ss|p%40ss/, 'its password is in no line of the log')
})

t.test('doctor and setup pass the outbound proxy too', async t => {
  const { asked, proxy, hostname, env } = await setUpTenant(t, 'user:p%40ss')
  const [program, ...first] = measuredCommand
  const run = async (...words: string[]) => {
    const child = spawn(program, [...first, ...words], {
      env: { PATH: process.env.PATH, ...env, QLIK_ADMIN_API_KEY: 'a-key' },
      stdio: ['ignore', 'pipe', 'pipe']
    })
    return (await Promise.all([text(child.stdout), text(child.stderr)])).join('')
  }
  const examined = await run('doctor', '--skip', 'public-url')
  t.match(examined, /ok +tenant-name +tenant\.example\.test is reached through the proxy 127\.0\.0\.1:\d+/)
  t.match(examined, /ok +tenant-connection +tenant\.example\.test answers, and its certificate is valid\./)
  t.match(await run('setup', '--dry-run'), 'The tenant does not show itself')
  for (const path of [
    'GET /.well-known/oauth-authorization-server', 'upgrade /app/00000000-0000-0000-0000-000000000000',
    'GET /api/v1/tenants/me'
  ]) {
    t.ok(asked.includes(`${path} ${hostname}`), path)
  }
  t.same([...new Set(proxy.tunnels)], [`${hostname}:443`])
  t.notMatch(examined, /p@ss|p%40ss/)
})

t.test('a proxy that refuses is a tenant that cannot be reached, and nobody is signed out', async t => {
  const { asked, proxy, origin, gateway } = await setUp(t, 'user:wrong')
  t.same(await tryAll(gateway, origin), [502, 503, 502])
  t.same(asked, [])
  t.ok(proxy.refused.length >= 3)
})

t.test('a proxy may be reached by https itself', async t => {
  const { proxy, origin, gateway } = await setUp(t, 'user:p%40ss', true)
  t.same(await tryAll(gateway, origin), [200, 200, 418])
  t.ok(proxy.tunnels.length >= 3)
})

t.test('a collector of traces is reached through the proxy by an agent, by http too', async t => {
  const collector = await serveHttp(t, (request, response) => { response.end(request.headers.host) })
  const proxy = await startProxy(t, Number(new URL(collector.origin).port))
  const url = new URL('http://collector.example:4318/v1/traces')
  const ask = async (credentials: string) => {
    const agent = createProxyAgent(url, { httpProxy: new URL(proxy.address(credentials)) })
    const [answer] = await once(get(url, { agent }), 'response') as [IncomingMessage]
    return await text(answer)
  }
  t.equal(await ask('user:p%40ss'), 'collector.example:4318')
  t.same(proxy.tunnels, ['collector.example:4318'])
  await t.rejects(ask('user:wrong'), { message: 'the outbound proxy refused the connection (407)' })
  t.equal(createProxyAgent(url, {}), undefined)

  const { key, cert } = createCertificate(['collector.example'])
  const secure = createServer({ key, cert })
  t.teardown(() => { secure.close() })
  const tunnel = await startProxy(t, await port(secure))
  const unknown = new URL('https://collector.example/v1/traces')
  const agent = createProxyAgent(unknown, { httpsProxy: new URL(tunnel.address('user:p%40ss')) })
  await t.rejects(
    once(get(unknown, { agent } as object), 'response'),
    { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    'its certificate is verified behind the proxy too'
  )
})

t.test('a proxy that is away or silent is given up, and says so', async t => {
  const tenant = new URL('https://tenant.example')
  await t.rejects(openTunnel(new URL(`http://127.0.0.1:${await reservePort()}`), tenant), {
    message: 'the outbound proxy cannot be used (ECONNREFUSED)'
  })
  const silent = createHttpServer().on('connect', (_request, socket) => { t.teardown(() => { socket.destroy() }) })
  const at = await port(silent)
  t.teardown(() => { silent.close() })
  await t.rejects(openTunnel(new URL(`http://127.0.0.1:${at}`), tenant, 100), {
    message: 'the outbound proxy cannot be used (no answer within 100 ms)'
  })
})

t.test('a proxy of https is asked by its own name, and verified; an address is no name', async t => {
  const names: string[] = []
  const { key, cert } = createCertificate(['localhost', '127.0.0.1'])
  const secure = createServer({ key, cert, SNICallback: (name, done) => { names.push(name); done(null) } })
  const at = await port(secure)
  t.teardown(() => { secure.close() })
  for (const host of ['127.0.0.1', 'localhost']) {
    const url = new URL(`https://${host}:${at}`)
    await t.rejects(openTunnel(url, new URL('https://tenant.example')), {
      message: 'the outbound proxy cannot be used (DEPTH_ZERO_SELF_SIGNED_CERT)'
    })
    await t.rejects(createDial(url, {})(), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, 'nor a tenant, and its certificate is verified too')
  }
  t.same([...new Set(names)], ['localhost'])
})

t.test('hosts of NO_PROXY and of this machine are reached without a proxy', async t => {
  const httpsProxy = new URL('http://secure.proxy:1')
  const httpProxy = new URL('http://plain.proxy:2')
  const cases: [address: string, noProxy: string[], proxy: URL | undefined][] = [
    ['https://tenant.example', [], httpsProxy],
    ['http://tenant.example', [], httpProxy],
    ['https://localhost:8443', [], undefined],
    ['https://127.0.0.2', [], undefined],
    ['https://[::1]', [], undefined],
    ['https://tenant.example', ['*'], undefined],
    ['https://tenant.example', ['tenant.example'], undefined],
    ['https://tenant.example', ['TENANT.example'], undefined],
    ['https://a.tenant.example', ['tenant.example'], undefined],
    ['https://a.tenant.example', ['.tenant.example'], undefined],
    ['https://a.tenant.example', ['*.tenant.example'], undefined],
    ['https://atenant.example', ['tenant.example'], httpsProxy],
    ['https://tenant.example', ['other.example', 'tenant.example:443'], undefined],
    ['https://tenant.example', ['tenant.example:8443'], httpsProxy],
    ['http://tenant.example', ['tenant.example:80'], undefined],
    ['https://tenant.example:8443', ['tenant.example:8443'], undefined],
    ['https://10.1.2.3', ['10.0.0.0/8'], undefined],
    ['https://10.1.2.3', ['10.1.2.3'], undefined],
    ['https://10.1.2.3:8443', ['10.1.2.3:8443'], undefined],
    ['https://11.1.2.3', ['10.0.0.0/8'], httpsProxy],
    ['https://10.1.2.3', ['10.0.0.0/wide'], httpsProxy],
    ['https://[fd00::1]', ['fd00::/8'], undefined],
    ['https://[fd00::1]', ['[fd00::1]'], undefined],
    ['https://[fd00::1]', ['[fd00::1]:443'], undefined],
    ['https://[fd00::1]', ['10.0.0.0/8', 'tenant.example', ''], httpsProxy]
  ]
  for (const [address, noProxy, proxy] of cases) {
    t.equal(proxyFor(new URL(address), { httpsProxy, httpProxy, noProxy }), proxy, `${address} ${noProxy.join()}`)
  }
  t.equal(proxyFor(new URL('https://tenant.example'), {}), undefined)
})
