import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { createLog, until } from '../helpers/log.js'
import { startGateway } from '../helpers/gateway.js'
import { reservePort } from '../helpers/ports.js'
import { openRaw } from '../helpers/raw.js'
import { startPlainTenant } from '../helpers/plain-tenant.js'
import { countBytes } from '../helpers/servers.js'
import { entryFor, startSeveral } from '../helpers/several-tenants.js'
import { errorTable } from '../../src/errors.js'
import { createMetrics } from '../../src/operate/metrics.js'
import { createSignals, policyRules, tenantSignals, type SignalMap } from '../../src/signals.js'
import { version } from '../../src/version.js'

interface Sample { name: string, labels: Record<string, string>, value: number }

/** The samples of a text, read by Prometheus's grammar. */
function samplesOf (text: string): Sample[] {
  return [...text.matchAll(/^([a-z_]\w+)(?:\{(.*)\})? (\S+)$/gm)].map(([, name = '', labels = '', value]) => ({
    name,
    labels: Object.fromEntries([...labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, word]) => [label, word])) as Record<
      string,
      string
    >,
    value: Number(value)
  }))
}

const valueOf = (samples: Sample[], name: string, labels = {}) =>
  samples
    .filter(sample => sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0)

const life = {
  sessionId: 'id',
  subject: undefined,
  traceId: 'trace',
  log: createLog().log,
  by: 'tenant',
  code: 1000,
  milliseconds: 1_500,
  tenantMilliseconds: 1,
  bytesFromClient: 10,
  bytesToClient: 20
} as const

t.test('the versions that run are told', async t => {
  t.match(await createMetrics(createSignals()).text(), `qlik_gateway_build_info{version="${version}",node="${process.version}"} 1`)
})

t.test('every signal is counted', async t => {
  const cases: { [Name in keyof SignalMap]?: [args: SignalMap[Name], expected: [name: string, labels: object, value: number][]][] } = {
    refused: [[['GW-NO-SESSION', '/api'], [['refusals_total', { code: 'GW-NO-SESSION', route: '/api' }, 1]]]],
    tenantAnswered: [
      [[{ call: 'token' }, 403, 20],
        [['tenant_duration_seconds_count', { call: 'token', status: '4xx' }, 1], ['tenant_duration_seconds_sum', {}, 0.02]]],
      [[{ call: 'http' }, 0, 20], [['tenant_duration_seconds_count', { call: 'http', status: 'none' }, 1]]]
    ],
    assetAsked: [[['hit'], [['assets_total', { outcome: 'hit' }, 1]]]],
    connected: [[['resumed'], [['tenant_connections_total', { tls: 'resumed' }, 1]]]],
    warmed: [[['http', -1], [['warm_connections', { use: 'http' }, -1]]]],
    refreshed: [[['joined'], [['refreshes_total', { outcome: 'joined' }, 1]]]],
    tokenRefused: [[['intermediary', new Error('planted')], [['token_refusals_total', { by: 'intermediary' }, 1]]]],
    login: [[['started'], [['logins_total', { step: 'started' }, 1]]]],
    revoked: [[['given-up'], [['revocations_total', { outcome: 'given-up' }, 1]]]],
    cookieSet: [[['session', 3_000], [['cookie_bytes_sum', { cookie: 'session' }, 3_000]]]],
    socketOpened: [[['trace'], [['sockets', {}, 1]]]],
    socketClosed: [
      [[life],
        [
          ['sockets', {}, -1],
          ['sockets_closed_total', { by: 'tenant', code: '1000' }, 1],
          ['socket_duration_seconds_sum', {}, 1.5],
          ['socket_bytes_total', { direction: 'sent' }, 20]
        ]],
      [[{ ...life, code: 4_711 }], [['sockets_closed_total', { by: 'tenant', code: 'other' }, 1]]]
    ],
    redisChanged: [[['away'], [['redis_up', {}, 0]]], [['here'], [['redis_up', {}, 1]]]],
    redisFailed: [[[], [['redis_errors_total', {}, 1]]]],
    keysLoaded: [[[2], [['session_keys', {}, 2]]], [[3, 'acme'], [['session_keys', { tenant: 'acme' }, 3]]]],
    logDropped: [[[3], [['log_lines_dropped_total', {}, 3]]]],
    draining: [[[], [['draining', {}, 1]]]],
    listenerFailed: [[['answered', new Error('planted')], [['failures_total', { where: 'listener' }, 1]]]],
    crashed: [[[], [['failures_total', { where: 'process' }, 1]]]]
  }
  for (const [signal, examples] of Object.entries(cases) as [keyof SignalMap, [never, [string, object, number][]][]][]) {
    for (const [args, expected] of examples) {
      const signals = createSignals()
      const metrics = createMetrics(signals)
      signals.emit(signal, ...args)
      const samples = samplesOf(await metrics.text())
      for (const [name, labels, value] of expected) t.equal(valueOf(samples, `qlik_gateway_${name}`, labels), value, `${signal} ${name}`)
    }
  }
})

t.test('the admin listener tells metrics and the details of readiness, and the gateway does not', async t => {
  const tenant = await startPlainTenant(t, (_request, response) => { response.end('0123456789') })
  const adminPort = await reservePort()
  const { app, origin, cookie } = await startGateway(t, { tenant, settings: { ADMIN_PORT: String(adminPort) } })
  const admin = `http://127.0.0.1:${adminPort}`
  t.same(await (await fetch(`${admin}/readyz`)).json(), {
    status: 'ok',
    draining: false,
    redis: 'none',
    sessionKeys: 1,
    openSockets: 0,
    tenant: 'not asked'
  })
  t.same(await (await fetch(`${origin}/readyz`)).json(), { status: 'ok' })
  t.equal((await fetch(`${origin}/metrics`)).status, 404)

  for (let count = 0; count < 2; count++) {
    t.equal(await (await fetch(`${origin}/api/v1/items`, { headers: { cookie } })).text(), '0123456789')
  }
  const read = async () => {
    const answer = await fetch(`${admin}/metrics`)
    t.match(answer.headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
    return samplesOf(await answer.text())
  }
  await until(
    async () => valueOf(await read(), 'qlik_gateway_request_duration_seconds_count', { route: '/api', method: 'read', status: '2xx' }) === 2
  )
  const samples = await read()
  t.equal(valueOf(samples, 'qlik_gateway_tenant_duration_seconds_count', { call: 'http', status: '2xx' }), 2)
  t.equal(valueOf(samples, 'qlik_gateway_refusals_total', { code: 'GW-NOT-FOUND', route: 'none' }), 1)
  const sent = valueOf(samples, 'qlik_gateway_sent_bytes_total')
  t.ok(sent > 600 && sent < 3_000, `${sent} bytes were sent`)
  t.ok(valueOf(samples, 'qlik_gateway_received_bytes_total') > 2 * cookie.length)
  t.ok(samples.some(({ name }) => name === 'nodejs_eventloop_lag_p99_seconds'))

  await app.close()
  await t.rejects(fetch(`${admin}/readyz`), 'it ends with the gateway')
})

t.test('bytes are counted for the tenant that they are of, over HTTP and over sockets', async t => {
  const [one, two] = [await startPlainTenant(t, (_request, response) => { response.end('x'.repeat(5_000)) }), await startPlainTenant(t)]
  const gateway = await startSeveral(t, () => [
    entryFor('one', 'https://one.example.com', one), entryFor('two', 'https://two.example.com', two)
  ])
  const metrics = createMetrics(gateway.signals)
  await gateway.get('https://one.example.com/assets/x')
  await gateway.get('https://two.example.com/assets/x', { 'x-long': 'x'.repeat(3_000) })
  tenantSignals(gateway.signals, 'two').emit('socketClosed', { ...life, bytesFromClient: 70, bytesToClient: 700 })
  const read = async (name: string, labels: object) => valueOf(samplesOf(await metrics.text()), `qlik_gateway_${name}`, labels)
  await until(async () => await read('received_bytes_total', { tenant: 'two' }) > 3_000)
  await until(async () => await read('sent_bytes_total', { tenant: 'one' }) > 5_000)
  t.ok(await read('received_bytes_total', { tenant: 'one' }) < 3_000)
  t.ok(await read('sent_bytes_total', { tenant: 'two' }) < 5_000)
  t.equal(await read('socket_bytes_total', { tenant: 'two', direction: 'received' }), 70)
  t.equal(await read('socket_bytes_total', { tenant: 'two', direction: 'sent' }), 700)
})

t.test('a gateway whose admin listener cannot open does not listen at all', async t => {
  const { origin } = await startPlainTenant(t)
  await t.rejects(startGateway(t, { tenant: { origin }, settings: { ADMIN_PORT: new URL(origin).port } }), { code: 'EADDRINUSE' })
})

t.test('each way in which a request comes to its tokens is counted, and the bytes of the cookies that it costs', async t => {
  const token = { status: 200, ready: Promise.resolve() as Promise<unknown> }
  const tenant = await startPlainTenant(t, async (request, response) => {
    await (request.url === '/oauth/token' ? token.ready : undefined)
    const tokens = { access_token: 'another', refresh_token: 'the-next', token_type: 'bearer', expires_in: 3_600 }
    response.writeHead(request.url === '/oauth/token' ? token.status : 200, { 'content-type': 'application/json', 'retry-after': '60' })
      .end(JSON.stringify({ ...tokens, ...(token.status === 400 ? { error: 'invalid_grant' } : {}) }))
  })
  const clock = { ahead: 0 }
  const { app, signals, cookie } = await startGateway(t, { tenant, clock: { now: () => Date.now() + clock.ahead } })
  const metrics = createMetrics(signals)
  const ask = async () => await app.inject({ url: '/api/v1/items', headers: { cookie } })
  const bytesOf = (answers: { cookies: { name: string, value: string }[] }[]) => answers.flatMap(({ cookies }) => cookies)
    .reduce((bytes, { name, value }) => bytes + name.length + encodeURIComponent(value).length, 0)
  const nearlyEnded = 3_590_000
  clock.ahead = nearlyEnded
  token.ready = new Promise(resolve => signals.on('refreshed', outcome => { if (outcome === 'joined') resolve(outcome) }))
  const answers = await Promise.all([ask(), ask()])
  answers.push(await ask())
  clock.ahead += nearlyEnded
  token.status = 503
  answers.push(await ask(), await ask())
  t.same(answers.map(({ statusCode }) => statusCode), [200, 200, 200, 200, 200])
  clock.ahead += 60_000
  token.status = 400
  t.equal((await ask()).statusCode, 401)
  const login = await app.inject('/login')
  const samples = samplesOf(await metrics.text())
  for (const outcome of ['granted', 'joined', 'remembered', 'failed', 'waiting', 'refused']) {
    t.equal(valueOf(samples, 'qlik_gateway_refreshes_total', { outcome }), 1, outcome)
  }
  t.equal(valueOf(samples, 'qlik_gateway_cookie_bytes_sum', { cookie: 'session' }), bytesOf(answers))
  t.equal(valueOf(samples, 'qlik_gateway_cookie_bytes_sum', { cookie: 'login' }), bytesOf([login]))
  t.ok(bytesOf([login]) > 100)
})

t.test('bytes are counted of a connection that is gone when its request is over', async t => {
  const tenant = await startPlainTenant(t, (request, response) => {
    if (request.url === '/api/early') response.writeHead(413).end('too large')
    if (request.url === '/api/reset') request.socket.resetAndDestroy()
  })
  const { app, origin, cookie, signals } = await startGateway(t, { tenant })
  const metrics = createMetrics(signals)
  const failures: unknown[] = []
  signals.on('listenerFailed', (...failure) => { failures.push(failure) })
  let received = 0
  for (const path of ['/api/reset', '/api/early', '/api/held']) {
    const over = once(signals, 'answered')
    const bytesRead = countBytes(app.server)
    const client = await openRaw(t, origin)
    client.write(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nOrigin: ${origin}\r\nCookie: ${cookie}\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(500_000)}`
    )
    if (path === '/api/held') await until(() => bytesRead() > 0)
    else await once(client, 'data')
    client.resetAndDestroy()
    await over
    const before = received
    received = valueOf(samplesOf(await metrics.text()), 'qlik_gateway_received_bytes_total')
    t.ok(received > before, path)
  }
  t.same(failures, [])
})

t.test('no label ever holds what a client or the tenant sent', async t => {
  const tenant = await startPlainTenant(t, (_request, response) => { response.writeHead(799, { 'x-marker': 'marker' }).end() })
  const adminPort = await reservePort()
  const { app, origin, cookie } = await startGateway(t, { tenant, settings: { ADMIN_PORT: String(adminPort) } })
  for (const path of [
    '/marker', '/api/marker?marker', '/login?returnto=/marker', '/login/callback?state=marker&code=marker',
    '/resources/marker', '/app/marker', '/%6darker', '/marker/../marker', '/api/%zzmarker'
  ]) {
    for (const method of ['GET', 'POST', 'PROPFIND', 'OPTIONS']) {
      await (
        await fetch(origin + path, {
          method,
          headers: { cookie: `${cookie}; marker=marker`, 'x-marker': 'marker', origin: 'https://marker.example', 'user-agent': 'marker' }
        })
      ).arrayBuffer()
    }
  }
  await app.inject({ url: '/api/marker', headers: { cookie } })
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()
  t.notMatch(text, 'marker')
  t.notMatch(text, '"799"')
  const routes = ['none', '/', '/api', '/app', '/resources', '/login', '/login/callback']
  const known: Record<string, string[]> = {
    route: routes,
    method: ['read', 'write'],
    status: ['2xx', '3xx', '4xx', '5xx', '7xx', 'aborted', 'none'],
    code: Object.keys(errorTable),
    call: ['http', 'document'],
    step: ['started', 'completed'],
    outcome: ['granted', 'joined', 'remembered', 'refused', 'failed', 'waiting', 'revoked', 'postponed', 'given-up', 'hit', 'miss'],
    cookie: ['login', 'session'],
    by: ['token', 'client', 'intermediary'],
    where: ['listener', 'process'],
    use: ['http', 'websocket'],
    tls: ['full', 'resumed', 'none'],
    rule: [...policyRules],
    version: [version],
    node: [process.version]
  }
  const ours = samplesOf(text).filter(({ name }) => name.startsWith('qlik_gateway_'))
  t.ok(ours.length > 50)
  t.same(
    ours.flatMap(({ labels }) => Object.entries(labels)).filter(([label, value]) => label !== 'le' && !known[label]?.includes(value)),
    []
  )
})

t.test('the documentation lists every metric with its labels, and no other', async t => {
  const signals = createSignals()
  const metrics = createMetrics(signals)
  signals.emit('redisChanged', 'here')
  const described = [...(await metrics.text()).matchAll(/^# TYPE (qlik_gateway_\w+) (\w+)$/gm)].map(([, name, type]) => `${name} ${type}`)
  const documented = [...readFileSync('docs/operations.md', 'utf8').matchAll(/^\| (`qlik_gateway_.+?) \| (\w+) \|/gm)]
    .flatMap(([, names = '', type]) => [...names.matchAll(/\w+/g)].map(([name]) => `${name} ${type}`))
  t.same(documented.sort(), described.sort())
})
