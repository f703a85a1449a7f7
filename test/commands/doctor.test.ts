import { spawn } from 'node:child_process'
import { randomBytes, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request as httpRequest, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { createServer as createTlsServer } from 'node:tls'
import t, { type Test } from 'tap'
import { createKeyPair } from '../../sandbox/key-pair.js'
import { examineCertificate } from '../../src/commands/doctor/certificate.js'
import type { Check } from '../../src/commands/doctor/checks.js'
import { doctorCommand } from '../../src/commands/doctor/doctor.js'
import { examine, runChecks, type ExamineOptions } from '../../src/commands/doctor/examine.js'
import { ok, problem, type Line } from '../../src/commands/doctor/finding.js'
import { examinePolicy } from '../../src/commands/doctor/policy.js'
import { judgeRedis } from '../../src/commands/doctor/redis.js'
import { examineVersions, findVersion } from '../../src/commands/doctor/versions.js'
import { readConfig } from '../../src/settings/config.js'
import { createCertificate } from '../helpers/certificate.js'
import { builtCommand, measuredCommand } from '../helpers/command.js'
import { nowhere, settingsFor, startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { reservePort } from '../helpers/ports.js'
import { startCluster, startRedisProcess } from '../helpers/redis-servers.js'
import { startRedis } from '../helpers/redis.js'
import { serveHttp } from '../helpers/servers.js'
import { sessionKey } from '../helpers/session-cookie.js'

const network = ['tenant-name', 'tenant-connection', 'public-url', 'redis']

/** The lines of one check. */
async function linesOf (check: string, env: NodeJS.ProcessEnv, options: ExamineOptions = {}): Promise<Line[]> {
  return (await examine(env, options)).filter(line => line.check === check)
}

/** A proxy of this machine before a gateway, as careless as told. */
async function startProxy (
  t: Test,
  target: string,
  { maxHeaderSize = 65_536, buffers = false, dropsCookies = false } = {}
): Promise<string> {
  const server = createServer({ maxHeaderSize }, (request, response) => {
    const { host, connection, upgrade, ...headers } = request.headers
    request.pipe(httpRequest(target + request.url, { method: request.method, headers }, answer => {
      const { 'set-cookie': cookies, ...kept } = answer.headers
      if (buffers) {
        text(answer).then(body => response.end(body), () => response.destroy())
        return
      }
      response.writeHead(answer.statusCode as number, {
        ...kept,
        ...(cookies === undefined || dropsCookies ? {} : { 'set-cookie': cookies })
      })
      answer.pipe(response)
    }).on('error', () => response.destroy()))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('a certificate of the gateway\'s own is judged by its time and its names', async t => {
  const { cert } = createCertificate(['app.example.com', '127.0.0.1'], { days: 30 })
  const files = { tlsCertFile: '', tlsKeyFile: '' }
  const certificate = { files, cert, key: '', leaf: new X509Certificate(cert), nameOf: (setting: string) => setting }
  const ends = Date.parse(certificate.leaf.validTo)
  const day = 86_400_000
  const cases: [title: string, host: string, now: number, expected: object | object[]][] = [
    ['in order', 'app.example.com', ends - 20 * day, { state: 'ok', text: /names app\.example\.com, and lasts for 20 days/ }],
    ['an address', '127.0.0.1', ends - 14 * day, { state: 'ok' }],
    ['soon over', 'app.example.com', ends - day, [{ state: 'warning', text: /ends in 1 days/ }]],
    ['over', 'app.example.com', ends + 1, [{ state: 'problem', text: /has ended/ }]],
    ['not yet', 'app.example.com', ends - 40 * day, [{ state: 'problem', text: /begins only at/ }]],
    ['another name', 'other.example.com', ends - 20 * day, [{ state: 'warning', text: /does not name other\.example\.com/ }]]
  ]
  for (const [title, host, now, expected] of cases) {
    const { gateway } = readConfig(settingsFor(nowhere, 0, { PUBLIC_URL: `https://${host}` }))
    t.match(await examineCertificate({ certificate, now: () => now, gateway }), expected, title)
  }
})

t.test('the policy is told in words', async t => {
  const cases: [settings: NodeJS.ProcessEnv, expected: object][] = [
    [{}, { state: 'skipped' }],
    [{ ALLOWED_APPS: 'a b', ALLOWED_GROUPS: 'Sales', READ_ONLY: 'true' }, {
      state: 'ok',
      text: 'The policy: 2 apps, 0 users and 1 groups may sign in, nothing is changed, the engine is read and selected in.'
    }],
    [{ ALLOWED_USERS: 'a', ENGINE_MODE: 'view', ALLOWED_API: 'embed, GET /api/v1/items' },
      { state: 'ok', text: /2 entries of calls, 1 users and 0 groups/ }],
    [{ ALLOWED_API: 'GET /api/v1/items' }, { state: 'warning', text: /no entry embed/ }]
  ]
  for (const [settings, expected] of cases) t.match(await examinePolicy(readConfig(settingsFor(nowhere, 0, settings))), expected)
})

t.test('a deployment that is in order has no problem, and each planted fault is named by its own line', async t => {
  const stage = await startGateway(t)
  const port = Number(new URL(stage.origin).port)
  const env = settingsFor(stage.tenant, port)
  const { controls, aliasOrigin } = stage.tenant
  t.afterEach(() => {
    controls.clear()
    controls.setRedirectUris([`${stage.origin}/login/callback`])
  })

  t.test('in order', async t => {
    const lines = await examine(env)
    t.same(lines.filter(({ state }) => state !== 'ok').map(({ check, state }) => [check, state]), [
      ['settings', 'warning'],
      ['certificate', 'skipped'],
      ['policy', 'skipped'],
      ['identity-keys', 'skipped'],
      ['impersonation', 'skipped'],
      ['users', 'skipped'],
      ['redis', 'skipped']
    ])
    t.match(lines.find(({ check }) => check === 'settings')?.text, /only browsers on this machine/)
  })

  const plant = (fault: Parameters<typeof controls.addFault>[0]) => () => { controls.addFault(fault) }
  const unknownHost = (code: string) => ({ errors: [{ code, title: 'No authentication configured for this hostname' }] })
  const location = `${stage.origin}/login/callback`
  type Expected = Partial<Line> | { text: RegExp, remedy?: RegExp | string }
  const faults: [what: string, check: string, changes: NodeJS.ProcessEnv, expected: Expected, plant?: () => void][] = [
    ['a host that is no tenant', 'tenant-connection', {},
      { state: 'problem', text: /is no tenant: there is none of this name \(400\)/ },
      plant({ path: '/.well-known', status: 400, body: unknownHost('X-1') })],
    ['a host that only its login tells to be no tenant', 'redirect-uri', {},
      { state: 'problem', text: /is no tenant: there is none of this name \(400\)/ },
      plant({ path: '/oauth/authorize', status: 400, body: unknownHost('OAUTH-3') })],
    ['an IP policy of the tenant', 'tenant-connection', {},
      { state: 'problem', text: /refuses whoever asks from here \(403, SANDBOX-IP\): an IP policy/ },
      () => { controls.allowAddresses(['192.0.2.1']) }],
    ['another gateway of the host', 'public-url', { COOKIE_NAME: 'sales' },
      { state: 'problem', text: /another COOKIE_NAME, as another gateway of this host/ }],
    ['a wrong secret', 'client-secret', { QLIK_CLIENT_SECRET: 'wrong' },
      { state: 'problem', text: /does not accept the client's id and secret \(401, OAUTH-22\)/ }],
    ['a tenant that tells wrong secrets from wrong codes by nothing', 'client-secret', {},
      { state: 'warning', text: /cannot be told/ }, plant({ path: '/oauth/token', status: 400, body: { errors: 'none' } })],
    ['a token endpoint that limits', 'client-secret', {}, { state: 'skipped', text: /too busy to tell \(429/ },
      plant({ path: '/oauth/token', status: 429 })],
    ['a token endpoint that breaks connections', 'client-secret', {}, { state: 'problem', text: /broke the connection off/ },
      plant({ path: '/oauth/token', reset: true })],
    ['a redirect URI with a slash too many', 'redirect-uri', {},
      { state: 'problem', text: /login\/callback is not registered .*\(400, OAUTH-1\)/ },
      () => { controls.setRedirectUris([`${location}/`]) }],
    ['a redirect URI that lacks its slash', 'redirect-uri', { PUBLIC_URL: `${stage.origin}/qlik` },
      { state: 'problem', text: /\/qlik\/login\/callback is not registered/, remedy: /^Register exactly .*\/qlik\/login\/callback/ },
      () => { controls.setRedirectUris([`${stage.origin}/qliklogin/callback`]) }],
    ['a client that nobody knows', 'redirect-uri', { QLIK_CLIENT_ID: 'nobody' },
      { state: 'problem', text: /does not know the client nobody/ }],
    ['a refusal without a reason', 'redirect-uri', {}, { state: 'problem', text: /the client id or the redirect URI is wrong/ },
      plant({ path: '/oauth/authorize', status: 400, body: [] })],
    ['an authorization endpoint that is down', 'redirect-uri', {}, { state: 'skipped', text: /too busy to tell \(503/ },
      plant({ path: '/oauth/authorize', status: 503, body: 'down' })],
    ['a scope that the client may not ask for', 'scopes', { QLIK_SCOPES: 'user_default offline_access nothing' },
      { state: 'problem', text: /may not ask for all of the scopes user_default offline_access nothing/ }],
    ['a client that may not log in', 'scopes', {}, { state: 'problem', text: /ends the login at once \(unauthorized_client\)/ },
      plant({ path: '/oauth/authorize', status: 302, headers: { location: `${location}?error=unauthorized_client` } })],
    ['an error in free text', 'scopes', {}, { state: 'problem', text: /an error without a name/ },
      plant({ path: '/oauth/authorize', status: 302, headers: { location: `${location}?error=a%20b` } })],
    ['an alias', 'tenant-hostname', { QLIK_TENANT_URL: aliasOrigin },
      { state: 'problem', text: /is an alias: the tenant calls itself localhost/, remedy: `Set QLIK_TENANT_URL=${stage.tenant.origin}` }],
    ['another issuer in the settings', 'tenant-hostname', { QLIK_ISSUER: 'https://tenant.example' },
      { state: 'warning', remedy: `Set QLIK_ISSUER=${stage.tenant.origin}` }],
    ['an issuer with a slash', 'tenant-hostname', {},
      { state: 'warning', text: /otherwise than its origin/, remedy: `Set QLIK_ISSUER=${stage.tenant.origin}/` },
      plant({ path: '/.well-known', status: 200, body: { issuer: `${stage.tenant.origin}/` } })],
    ['no metadata', 'tenant-hostname', {}, { state: 'warning', text: /no readable metadata \(404\)/ },
      plant({ path: '/.well-known', status: 404 })],
    ['a tenant that refuses sockets oddly', 'tenant-sockets', {},
      { state: 'warning', text: /with 400, where 401 was expected/ }, plant({ path: '/app', status: 400 })],
    ['a tenant that breaks sockets off', 'tenant-sockets', {}, { state: 'problem', text: /broke the connection off/ },
      plant({ path: '/app', reset: true })],
    ['other session keys', 'public-url', { SESSION_KEYS: randomBytes(32).toString('base64') },
      { state: 'problem', text: /has other session keys/ }],
    ['another scope in the gateway that runs', 'public-login', { QLIK_SCOPES: 'user_default' },
      { state: 'problem', text: /has another QLIK_SCOPES than/ }]
  ]
  for (const [what, check, changes, expected, plant] of faults) {
    t.test(what, async t => {
      plant?.()
      const skip = ['redis', ...check.startsWith('public') ? ['tenant-connection'] : ['public-url']]
      t.match(await linesOf(check, { ...env, ...changes }, { skip }), [expected])
    })
  }

  t.test('a key that the tenant knows is told from one that it does not', async t => {
    for (const pair of [createKeyPair(2_048), createKeyPair('P-384')]) {
      const file = `${t.testdir({ key: String(pair.privateKey.export({ type: 'pkcs8', format: 'pem' })) })}/key`
      const alg = pair.privateKey.asymmetricKeyType === 'rsa' ? 'RS256' : 'ES384'
      controls.setClient({
        authMethods: ['private_key_jwt'],
        publicKeys: [{ ...pair.publicKey.export({ format: 'jwk' }), kid: 'k', alg, use: 'sig' }]
      })
      const settings = { ...env, QLIK_CLIENT_SECRET: '', QLIK_CLIENT_KEY_FILE: file, QLIK_CLIENT_KEY_ID: 'k' }
      const skip = ['redis', 'public-url']
      t.match(await linesOf('client-secret', settings, { skip }), [{ state: 'ok', text: /accepts the client's id and key/ }])
      t.match(await linesOf('client-secret', { ...settings, QLIK_CLIENT_KEY_ID: 'other' }, { skip }), [
        { state: 'problem', text: /does not accept the client's id and key/, remedy: /public half/ }
      ])
    }
    controls.setClient({ authMethods: ['client_secret_post', 'client_secret_basic'], publicKeys: [] })
  })

  t.test('a clock that is off', async t => {
    for (const [seconds, expected] of [
      [600, { state: 'problem', text: /seconds ahead of the tenant/ }],
      [-100, { state: 'warning', text: /seconds behind the tenant/ }]
    ] as const) {
      t.match(await linesOf('tenant-clock', env, { now: () => Date.now() + seconds * 1000, skip: ['public-url'] }), [expected])
    }
    controls.addFault({ path: '/.well-known', status: 200, headers: { date: '' } })
    t.match(await linesOf('tenant-clock', env, { skip: ['public-url'] }), [{ state: 'skipped' }])
  })

  t.test('proxies in front', async t => {
    const skip = ['tenant-connection', 'redis']
    const careless = await startProxy(t, stage.origin, { dropsCookies: true, maxHeaderSize: 8_192 })
    const lines = await examine({ ...env, PUBLIC_URL: careless }, { skip })
    const found = (check: string) => lines.filter(line => line.check === check)
    t.match(found('public-url'), [{ state: 'ok' }])
    t.match(found('public-login'), [{ state: 'problem', text: /another PUBLIC_URL than/ }])
    t.match(found('public-headers'), [{ state: 'warning', text: /16384 bytes of cookies/ }])
    t.match(found('public-upgrade'), [{ state: 'problem', text: /as such \(426, GW-UPGRADE-REQUIRED\)/, remedy: /proxy_http_version/ }])
    t.match(found('public-stream'), [{ state: 'ok' }])
    const narrow = await startProxy(t, stage.origin, { buffers: true, maxHeaderSize: 1_500 })
    const seen = await examine({ ...env, PUBLIC_URL: narrow }, { skip, timeoutMs: 1_500 })
    t.match(seen.filter(({ check }) => check === 'public-url'), [{ state: 'problem', text: /something else than this gateway/ }])
  })
})

t.test('what answers at the public URL is judged by what it does', async t => {
  const tenant = { origin: 'http://127.0.0.1:1', client: { id: 'id', secret: 'secret' } }
  // Keys are derived for the tenant and its client, so the proof holds only for those.
  const stage = await startGateway(t, { tenant })
  const skip = ['tenant-name', 'redis']
  const at = async (listener: RequestListener, check: string): Promise<Line[]> => {
    const { origin } = await serveHttp(t, listener)
    return await linesOf(check, { ...settingsFor(tenant, 3000), PUBLIC_URL: origin }, { skip, timeoutMs: 1_500 })
  }
  // Passes the proof on to a gateway, and answers everything else by itself.
  const disguised = (listener: RequestListener): RequestListener => (request, response) => {
    if (request.url !== '/api/v1/csrf-token') {
      listener(request, response)
      return
    }
    fetch(`${stage.origin}/api/v1/csrf-token`, { headers: { cookie: request.headers.cookie as string } }).then(
      answer => response.writeHead(answer.status, { 'qlik-csrf-token': answer.headers.get('qlik-csrf-token') ?? '' }).end(),
      () => response.destroy()
    )
  }
  const breaksOff: RequestListener = request => request.socket.destroy()
  const beginsLogin: RequestListener = ({ headers }, response) => {
    const redirectUri = `http://${headers.host}/login/callback`
    const query = new URLSearchParams({ client_id: 'id', redirect_uri: redirectUri, scope: 'user_default offline_access' })
    response.writeHead(302, { location: `http://127.0.0.1:1/oauth/authorize?${query.toString()}` }).end()
  }
  const cases: [check: string, listener: RequestListener, expected: { state: string, text?: RegExp }][] = [
    ['public-login', (_request, response) => response.end(), { state: 'problem', text: /does not begin a login \(200\)/ }],
    ['public-login', beginsLogin, { state: 'problem', text: /cookie .* does not come through/ }],
    ['public-headers', (_request, response) => response.writeHead(431).end(), { state: 'problem', text: /as a usual session has/ }],
    ['public-headers', breaksOff, { state: 'problem' }],
    ['public-upgrade', breaksOff, { state: 'problem', text: /\(ECONNRESET\)/ }],
    ['public-stream', (_request, response) => response.writeHead(404).end(),
      { state: 'warning', text: /do not come through \(404\)/ }],
    ['public-stream', breaksOff, { state: 'problem' }],
    ['public-stream', (_request, response) => { response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders() },
      { state: 'warning', text: /waits until it is complete/ }]
  ]
  t.match(await at((_request, response) => response.end('<html>'), 'public-url'), [{ state: 'problem', text: /leads to something else/ }])
  for (const [check, listener, expected] of cases) t.match(await at(disguised(listener), check), [expected])
})

t.test('behind an outbound proxy the proxy looks the name up', async t => {
  const env = settingsFor({ origin: 'https://tenant.invalid' }, await reservePort(), {
    HTTPS_PROXY: `http://user:hush-hush@127.0.0.1:${await reservePort()}`
  })
  const lines = await examine(env, { skip: ['public-url', 'redis'] })
  t.match(
    lines.find(({ check }) => check === 'tenant-name'),
    { state: 'ok', text: /^tenant\.invalid is reached through the proxy 127\.0\.0\.1:\d+, which looks it up\.$/ }
  )
  t.match(lines.find(({ check }) => check === 'tenant-connection'), { state: 'problem' })
  t.notMatch(JSON.stringify(lines), /hush-hush/)
})

t.test('what cannot be reached is one problem, and what needs it is skipped', async t => {
  const env = settingsFor({ origin: 'https://tenant.invalid', client: { id: 'id', secret: 'hush-hush' } }, await reservePort(), {
    REDIS_URL: `redis://:hush-hush@127.0.0.1:${await reservePort()}`
  })
  const lines = await examine(env)
  t.same(
    lines.filter(({ check, state }) => network.includes(check) && state === 'problem').map(({ check }) => check),
    ['tenant-name', 'public-url', 'redis']
  )
  t.match(
    lines.filter(({ state }) => state === 'skipped').map(({ text }) => text),
    [String, String, 'Needs tenant-name.', 'Needs tenant-connection.']
  )
  t.match(lines.find(({ check }) => check === 'redis')?.text, /cannot be used \(ECONNREFUSED\)/)
  t.notMatch(JSON.stringify(lines), /hush-hush/)
})

t.test('a certificate that the gateway would not take is a problem, whoever signed it', async t => {
  const folder = t.testdir({})
  const { writeFile } = await import('node:fs/promises')
  async function certified (hostnames: string[], options = {}) {
    const { key, cert } = createCertificate(hostnames, options)
    const server = createHttpsServer({ key, cert }, (_request, response) => response.end('{}')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => { server.close() })
    return { origin: `https://localhost:${(server.address() as AddressInfo).port}`, cert }
  }
  const [known, expired, foreign] = await Promise.all([
    certified(['localhost']),
    certified(['localhost'], { expired: true }),
    certified(['elsewhere.example'])
  ])
  const envFor = (origin: string) => settingsFor({ origin, client: { id: 'id', secret: 'secret' } }, 3000)
  t.match(await linesOf('tenant-connection', envFor(known.origin), { skip: ['public-url'] }), [
    { state: 'problem', text: /signed itself/, remedy: /NODE_EXTRA_CA_CERTS/ }
  ])
  // Authorities are read once, at the start of a process.
  await writeFile(`${folder}/authorities.pem`, known.cert + expired.cert + foreign.cert)
  const runs = [[known, measuredCommand], [expired, builtCommand], [foreign, builtCommand]] as const
  const results = await Promise.all(runs.map(async ([{ origin }, [command, ...words]]) => {
    const child = spawn(command, [...words, 'doctor', '--json', '--skip', 'public-url'], {
      env: { ...process.env, ...envFor(origin), NODE_EXTRA_CA_CERTS: `${folder}/authorities.pem` },
      stdio: ['ignore', 'pipe', 'inherit']
    })
    const [stdout, [status]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number]>])
    const { checks } = JSON.parse(stdout) as { checks: Line[] }
    return { status, ...checks.find(({ check }) => check === 'tenant-connection') }
  }))
  t.match(results, [
    { state: 'ok', text: /its certificate is valid/ },
    { status: 1, state: 'problem', text: /has expired \(CERT_HAS_EXPIRED\)/ },
    { status: 1, state: 'problem', text: /for another name/ }
  ])
})

t.test('a public URL is examined over https, by the authorities that this machine knows', async t => {
  const port = await reservePort()
  const { key, cert } = createCertificate(['localhost'])
  const env = { PUBLIC_URL: `https://localhost:${port}` }
  const stage = await startGateway(t, { settings: env })
  const behind = Number(new URL(stage.origin).port)
  const open = new Set<Socket>()
  const server = createTlsServer({ key, cert }, outside => {
    const inside = connect(behind, '127.0.0.1')
    for (const socket of [outside, inside]) open.add(socket.on('error', () => { socket.destroy() }))
    outside.pipe(inside).pipe(outside)
  }).listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  const settings = settingsFor(stage.tenant, behind, env)
  t.match(await linesOf('public-url', settings, { skip: ['tenant-name', 'redis'] }), [
    { state: 'problem', text: /signed itself/, remedy: /NODE_EXTRA_CA_CERTS/ }
  ])

  const [command, ...words] = builtCommand
  const child = spawn(command, [...words, 'doctor', '--json'], {
    env: { ...process.env, ...settings, NODE_EXTRA_CA_CERTS: `${t.testdir({ 'authority.pem': cert })}/authority.pem` },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const [stdout, [status]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number]>])
  const { checks } = JSON.parse(stdout) as { checks: Line[] }
  t.same(checks.filter(({ check }) => check.startsWith('public-')).map(({ check, state }) => [check, state]), [
    ['public-url', 'ok'], ['public-login', 'ok'], ['public-headers', 'ok'], ['public-upgrade', 'ok'], ['public-stream', 'ok']
  ])
  t.equal(status, 0)
})

t.test('Redis is used as the gateway uses it', async t => {
  const redis = await startRedis(t)
  const env = settingsFor({ origin: 'http://127.0.0.1:1', client: { id: 'id', secret: 'secret' } }, 3000)
  const at = async (url: string): Promise<Line[]> =>
    await linesOf('redis', { ...env, REDIS_URL: url }, { skip: ['tenant-name', 'public-url'], timeoutMs: 20_000 })
  // On a busy machine a Redis may answer too late now and then, and be told of for that.
  const inTime = async (): Promise<Line[]> => {
    let lines: Line[] = []
    await until(async () => {
      lines = await at(redis.url)
      return lines.every(({ text }) => !text.includes('ms for a script'))
    })
    return lines
  }
  t.match(await inTime(), [{ state: 'ok', text: /^Redis \d+\.\d+.* answers in \d+ ms/ }])
  await redis.ask('CONFIG SET maxmemory-policy allkeys-lru')
  t.match(await inTime(), [{ state: 'warning', text: /allkeys-lru/ }])
  await redis.ask('ACL SETUSER weak on >pw +@all -eval')
  t.match(await at(redis.url.replace('//', '//weak:pw@')), [{ state: 'problem', text: /does not let this user run scripts/ }])
  t.match(await at(redis.url.replace('//', '//weak:no@')), [{ state: 'problem', text: /refuses the user or password \(WRONGPASS\)/ }])
  t.match(judgeRedis('redis_version:5.0.14\r\nmaxmemory_policy:noeviction\r\n', 251), [{ text: /older than 6/ }, { text: /takes 251 ms/ }])
  t.match(judgeRedis('', 1), [{ state: 'ok' }])
})

t.test('a Redis in another role is named, with the setting that fits', async t => {
  const env = settingsFor({ origin: 'http://127.0.0.1:1', client: { id: 'id', secret: 'secret' } }, 3000)
  const options = { skip: ['tenant-name', 'public-url'], timeoutMs: 20_000 }
  const at = async (port: number, more = {}): Promise<Line[]> =>
    await linesOf('redis', { ...env, REDIS_URL: `redis://127.0.0.1:${port}`, ...more }, options)
  const master = await startRedisProcess(t, [])
  const replica = await startRedisProcess(t, [`replicaof 127.0.0.1 ${master.port}`])
  t.match(await at(replica.port), [
    { state: 'problem', text: /is a replica, which takes nothing \(READONLY\)/, remedy: /REDIS_MODE=sentinel/ }
  ])
  const sentinel = await startRedisProcess(t, [`sentinel monitor gateway 127.0.0.1 ${master.port} 1`], { sentinel: true })
  t.match(await at(sentinel.port, { REDIS_MODE: 'sentinel', REDIS_MASTER: 'other' }), [
    { state: 'problem', text: /know no master of the name in REDIS_MASTER/, remedy: /SENTINEL masters/ }
  ])
  t.match(await at(sentinel.port, { REDIS_MODE: 'sentinel', REDIS_MASTER: 'gateway' }), [{ state: 'ok' }])
  const { nodes, owner } = await startCluster(t, '{qlik-embed-gateway}:')
  const other = nodes.find(({ port }) => port !== owner.port)
  t.match(await at(other?.port ?? 0), [{ state: 'problem', text: /is a node of a cluster \(MOVED\)/, remedy: /REDIS_MODE=cluster/ }])
  t.match(await at(other?.port ?? 0, { REDIS_MODE: 'cluster' }), [{ state: 'ok' }])
})

t.test('settings and keys are examined without a network', async t => {
  const env = settingsFor({ origin: 'https://tenant.example', client: { id: 'id', secret: 'secret' } }, 3000, {
    PUBLIC_URL: 'https://app.example.com',
    TRUSTED_PROXIES: '10.0.0.0/8'
  })
  const offline = { offline: true }
  t.same([...new Set((await examine(env, offline)).map(({ state }) => state))], ['ok', 'skipped'])
  const faulty = await examine({ ...env, QLIK_CLIENT_ID: '', PORT: 'x' }, offline)
  t.match(faulty.filter(({ check }) => check === 'settings'), [
    { state: 'problem', text: /^PORT is not/ },
    { state: 'problem', text: /^QLIK_CLIENT_ID is required/ }
  ])
  t.match(faulty.at(-1), { check: 'redis', state: 'skipped', text: 'The settings have faults.' })
  t.match(await linesOf('settings', { ...env, SESSION_IDLE_SECONDS: '3600', SESSION_MAX_SECONDS: '1800' }, offline), [
    { state: 'problem', text: /^SESSION_IDLE_SECONDS is more than 1800/ }
  ])
  t.match(await linesOf('settings', { ...env, EMBED_ORIGIN: 'https://portal.example.com' }, offline), [
    { state: 'warning', text: 'EMBED_ORIGIN is no setting: is EMBED_ORIGINS meant?' }
  ])
  const { QLIK_CLIENT_SECRET, ...rest } = env
  t.match(await linesOf('settings', { ...rest, QLIK_CLIENT_SECERT: QLIK_CLIENT_SECRET }, offline), [
    { state: 'problem', text: /^QLIK_CLIENT_SECRET is required/ },
    { state: 'warning', text: 'QLIK_CLIENT_SECERT is no setting: is QLIK_CLIENT_SECRET meant?' }
  ])
  const { cert, key: privateKey } = createCertificate(['app.example.com'], { days: 30 })
  const files = t.testdir({ cert, privateKey, other: createCertificate(['localhost']).key })
  const tls = { ...env, TLS_CERT_FILE: `${files}/cert`, TLS_KEY_FILE: `${files}/privateKey` }
  t.match(await linesOf('certificate', tls, offline), [{ state: 'ok', text: /names app\.example\.com/ }])
  t.match(await linesOf('settings', { ...tls, TLS_KEY_FILE: `${files}/other` }, offline), [
    { state: 'problem', text: /^TLS_KEY_FILE holds the key of another certificate/ }
  ])
  t.match(await linesOf('settings', { ...env, QLIK_SCOPES: 'user_default', TRUSTED_PROXIES: '', SESSION_KEYS: '' }, offline), [
    { text: /^SESSION_KEYS is not set/ },
    { text: /no offline_access/ },
    { text: /^TRUSTED_PROXIES is not set/ }
  ])

  const key = (bytes: Iterable<number> | string) => Buffer.from(bytes as never).toString('base64')
  const keys = [
    sessionKey,
    sessionKey,
    key(Array.from({ length: 32 }, (_, index) => index)),
    key('the quick brown fox jumps over 1'),
    key(Buffer.alloc(32, 'ab'))
  ]
  t.match(await linesOf('session-keys', { ...env, SESSION_KEYS: keys.join(' ') }, offline), [
    { text: 'Key 2 of 5 is there twice.' },
    { text: 'Key 3 of 5 follows a pattern.' },
    { text: 'Key 4 of 5 is text, not random bytes.' },
    { text: 'Key 5 of 5 follows a pattern.' }
  ])
  t.match(await linesOf('session-keys', { ...env, SESSION_KEYS: `${sessionKey} ${key(randomBytes(32))}` }, offline), [
    { state: 'ok', text: /^2 keys look random/ }
  ])
  t.match(await linesOf('cookies', env, offline), [{ state: 'ok', text: /about \d{4} bytes .*nginx 8192.*COOKIE_NAME that is not "qlik"/ }])
})

t.test('versions older than the oldest that are safe are problems', async t => {
  t.match(examineVersions(), [{ state: 'ok' }])
  t.equal(findVersion('a-package-that-nobody-has'), undefined)
  t.match(
    examineVersions('20.9.0', name => name === 'fastify' ? '5.9.0' : undefined),
    [{ text: /^Node is 20\.9\.0, older than/ }, { text: /^fastify is 5\.9\.0, older than/ }]
  )
})

t.test('a check that fails itself is a line, and the others go on', async t => {
  const table: Check[] = [
    { name: 'one', examine: async () => { throw new TypeError('with a secret') } },
    { name: 'two', after: 'one', examine: async () => ok('never') },
    { name: 'three', examine: async () => [ok('first'), problem('second', 'third')] }
  ]
  t.same(await runChecks(table, {} as never, {}), [
    { check: 'one', state: 'problem', text: 'The check itself failed (TypeError).', remedy: 'This is a fault of the command: report it.' },
    { check: 'two', state: 'skipped', text: 'Needs one.' },
    { check: 'three', state: 'ok', text: 'first' },
    { check: 'three', state: 'problem', text: 'second', remedy: 'third' }
  ])
})

t.test('the command prints lines or JSON, tells by its status whether there is a problem, and refuses what it does not know', async t => {
  const env = settingsFor({ origin: 'https://tenant.example', client: { id: 'id', secret: 'hush-hush' } }, 3000)
  async function run (words: string[], settings = env): Promise<{ status: number, printed: string }> {
    let printed = ''
    const status = await doctorCommand.run(words, { env: settings, out: text => { printed += text }, err: () => {} })
    return { status, printed }
  }
  const inOrder = await run(['--offline'])
  t.equal(inOrder.status, 0)
  t.match(
    inOrder.printed,
    /^ok {7}versions {11}Node .*\nwarning {2}settings .*\n +→ Set it to .*\n[^]*\n\n3 ok, 1 warning, 0 problem, 19 skipped\n$/
  )
  t.notMatch(inOrder.printed, /hush-hush/)
  const faulty = await run(['--offline', '--json', '--skip', 'redis'], { ...env, PORT: 'x' })
  t.equal(faulty.status, 1)
  t.match(JSON.parse(faulty.printed), {
    state: 'problem',
    checks: [
      { check: 'versions', state: 'ok' },
      { check: 'settings', state: 'problem', remedy: String }
    ]
  })
  for (const words of [['--quickly'], ['now'], ['--skip', 'nothing'], ['--skip']]) {
    await t.rejects(run(words), { name: 'CommandError', status: 2 })
  }
})
