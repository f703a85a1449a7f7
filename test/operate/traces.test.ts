import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { connect, type AddressInfo, type Socket } from 'node:net'
import t from 'tap'
import { WebSocket } from 'ws'
import { SALES_APP_ID } from '../../sandbox/data/apps.js'
import { createSignals } from '../../src/signals.js'
import { startCollector, valuesOf, type Sent } from '../helpers/collector.js'
import { asScript, startGateway } from '../helpers/gateway.js'
import { createLog, until } from '../helpers/log.js'
import { startPlainTenant } from '../helpers/plain-tenant.js'
import { entryFor, startSeveral } from '../helpers/several-tenants.js'

t.test('without a collector nothing of OpenTelemetry is loaded', async t => {
  const loaded = () => Object.keys(createRequire(import.meta.url).cache).some(file => file.includes('/exporter-trace-otlp-http/'))
  const tenant = await startPlainTenant(t)
  const { app } = await startGateway(t, { tenant })
  t.equal((await app.inject('/healthz')).statusCode, 200)
  t.notOk(loaded())
  const collector = await startCollector(t)
  await startGateway(t, { tenant, settings: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.origin } })
  t.ok(loaded())
})

t.test('a trace has the id of the error, a span of the request, of what the tenant was asked for it, and of its ' +
  'socket, and nothing secret', async t => {
  const collector = await startCollector(t)
  const clock = { ahead: 0 }
  const stage = await startGateway(t, {
    clock: { now: () => Date.now() + clock.ahead },
    settings: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.origin, OTEL_EXPORTER_OTLP_HEADERS: 'x-key=a%20key', OTEL_SERVICE_NAME: 'a-gateway' }
  })
  const browser = await stage.signIn()
  const ask = async (path: string, headers = {}) => await browser.fetch(stage.origin + path, asScript({ headers }))
  clock.ahead = 21_590_000
  t.equal((await ask('/api/v1/items?name=private', { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` })).status, 200)
  const refused = await (await ask('/login/callback?code=private&state=private')).json() as { traceId: string }
  await ask('/readyz')
  stage.tenant.controls.addFault({ path: '/api/', status: 500, times: 1 })
  t.equal((await ask('/api/v1/private')).status, 500)
  stage.tenant.controls.addFault({ path: '/api/', reset: true, times: 2 })
  t.equal((await ask('/api/v1/private')).status, 502)
  const socket = new WebSocket(`${stage.origin.replace('http', 'ws')}/app/${SALES_APP_ID}?private`, {
    headers: { cookie: browser.cookies.header(new URL(stage.origin)), origin: stage.origin }
  })
  await once(socket, 'message')
  socket.close(1000)
  await Promise.all([once(socket, 'close'), once(stage.signals, 'socketClosed')])
  const leaving = new AbortController()
  const events = await browser.fetch(`${stage.origin}/gateway/events`, { signal: leaving.signal })
  t.equal(events.status, 200)
  leaving.abort()
  await once(stage.signals, 'answered')
  await stage.app.close()

  const spans = collector.spans()
  const named = (name: string) => spans.filter(span => span.name === name)
  const childrenOf = ({ spanId }: Sent) => spans.filter(({ parentSpanId }) => parentSpanId === spanId)
  const [renewed, failed, cut] = named('GET /api') as [Sent, Sent, Sent]
  t.match(renewed, { kind: 2, status: {} })
  t.match(valuesOf(renewed), { 'http.request.method': 'GET', 'http.route': '/api', 'http.response.status_code': 200 })
  t.notOk(renewed.parentSpanId, 'nobody writes into another one\'s trace')
  t.same(childrenOf(renewed).map(({ name }) => name).filter(name => name !== 'tenant document'), ['tenant token', 'tenant http'])
  t.ok(childrenOf(renewed).every(({ traceId, kind }) => traceId === renewed.traceId && kind === 3))

  const callback = spans.find(({ traceId }) => traceId === refused.traceId)
  t.match(callback, { name: 'GET /login/callback', status: { code: 0 } })
  t.match(valuesOf(callback as Sent), { 'error.type': /^GW-LOGIN/, 'http.response.status_code': 400 })
  t.match([failed.status, childrenOf(failed)[0]?.status], [{ code: 2 }, { code: 2 }])
  t.match(valuesOf(cut), { 'error.type': 'GW-TENANT-UNREACHABLE', 'http.response.status_code': 502 })
  t.equal(valuesOf(childrenOf(cut)[0] as Sent)['http.response.status_code'], undefined, 'the tenant gave none')

  const [upgrade] = named('GET /app') as [Sent]
  t.equal(valuesOf(upgrade)['http.response.status_code'], 101)
  t.same(childrenOf(upgrade).map(({ name }) => name), ['tenant upgrade', 'socket'])
  t.match(valuesOf(named('socket')[0] as Sent), {
    'socket.closed_by': 'client',
    'socket.close_code': 1000,
    'socket.bytes_to_client': Number
  })
  t.match(named('GET /gateway/events')[0]?.events, [{ name: 'the client left' }])
  t.same(spans.filter(({ name }) => name.includes('readyz') || name.includes('healthz')), [], 'probes leave no trace')

  t.match(collector.headers[0], { url: '/v1/traces', 'x-key': 'a key' })
  t.match(valuesOf(collector.batches[0]?.resourceSpans[0]?.resource as Sent), { 'service.name': 'a-gateway', 'service.version': /^\d/ })
  const text = JSON.stringify(collector.batches)
  const tokens = stage.tenant.controls.requests
    .map(({ headers }) => headers.authorization?.replace('Bearer ', ''))
    .filter(token => token !== undefined)
  const cookies = browser.cookies.header(new URL(stage.origin)).split('; ').map(cookie => cookie.replace(/^[^=]*=/, ''))
  t.ok(tokens.length > 2)
  for (const secret of ['private', 'a key', stage.tenant.client.secret, 'a'.repeat(32), ...tokens, ...cookies]) {
    t.notOk(text.includes(secret), `${secret.slice(0, 8)}…`)
  }
})

t.test('the tenant hears of the trace only if asked, and of the client\'s own only then not', async t => {
  const seen: Record<string, unknown>[] = []
  const tenant = await startPlainTenant(t, (request, response) => {
    seen.push({ traceparent: request.headers.traceparent, tracestate: request.headers.tracestate })
    response.end()
  })
  const collector = await startCollector(t)
  const own = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: 'client=1' }
  const cases: [settings: NodeJS.ProcessEnv, traceparent: RegExp, tracestate: string | undefined][] = [
    [{}, /^00-a{32}-b{16}-01$/, 'client=1'],
    [{ TRACE_CONTEXT_TO_TENANT: 'true' }, /^00-(?!a{32})[\da-f]{32}-[\da-f]{16}-01$/, undefined],
    [{ TRACE_CONTEXT_TO_TENANT: 'true', OTEL_TRACES_SAMPLER_ARG: '0' }, /^00-(?!a{32})[\da-f]{32}-[\da-f]{16}-00$/, undefined]
  ]
  for (const [settings, traceparent, tracestate] of cases) {
    const { app, cookie } = await startGateway(t, {
      tenant,
      settings: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.origin}/exactly/here`, ...settings }
    })
    t.equal((await app.inject({ url: '/api/v1/items', headers: { cookie, ...own } })).statusCode, 200)
    t.match(seen.at(-1)?.traceparent, traceparent)
    t.equal(seen.at(-1)?.tracestate, tracestate)
    await app.close()
  }
  const calls = collector.spans().filter(({ name }) => name === 'tenant http')
  t.equal(calls.length, 2, 'none of the trace that was not chosen')
  t.ok(calls.some(({ traceId, spanId }) => seen[1]?.traceparent === `00-${traceId}-${spanId}-01`))
  t.ok(collector.headers.every(({ url }) => url === '/exactly/here'))
})

/** Traces of a gateway that makes as many calls as fill batches of 512. */
async function traceCalls (origin: string) {
  const { traceGateway } = await import('../../src/operate/traces.js')
  const signals = createSignals()
  const { log, lines } = createLog()
  const close = traceGateway(signals, {
    collector: new URL(`${origin}/v1/traces`),
    headers: {},
    serviceName: 'test',
    sample: 1,
    contextToTenant: false,
    tenantUrl: new URL('https://tenant.example'),
    log
  })
  const call = (count: number) => {
    for (let made = 0; made < count; made++) {
      const asking = { call: 'token' as const }
      signals.emit('tenantAsked', asking)
      signals.emit('tenantAnswered', asking, 200, 1)
    }
  }
  return { call, close, lines }
}

t.test('a collector that takes nothing is one line of the log, and one when it does again', async t => {
  let status = 400
  const collector = await startCollector(t, () => status)
  const { call, close, lines } = await traceCalls(collector.origin)
  for (const count of [1, 2]) {
    call(512)
    await until(() => collector.headers.length === count && lines.length === 1)
  }
  t.match(lines, [{ level: 'warn', msg: /takes no traces/, failure: 'Bad Request' }])
  status = 200
  call(512)
  await until(() => lines.length === 2)
  t.match(lines[1], { level: 'info', msg: /again/ })
  call(1)
  await close()
  t.equal(collector.spans().length, 513)
  t.equal(lines.length, 2)
})

t.test('with several tenants a span names its tenant, and an outbound proxy leads to the collector', async t => {
  const collector = await startCollector(t)
  const proxy = createServer().listen(0, '127.0.0.1')
  const tunnels: string[] = []
  proxy.on('connect', ({ url = '' }, client: Socket) => {
    tunnels.push(url)
    const upstream = connect(Number(new URL(collector.origin).port), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      upstream.pipe(client).pipe(upstream)
    })
    t.teardown(() => { upstream.destroy() })
  })
  t.teardown(() => { proxy.close() })
  await once(proxy, 'listening')
  const plain = await startPlainTenant(t)
  const top = { otlpEndpoint: 'http://collector.example:4318', httpProxy: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` }
  await t.test('while it serves', async t => {
    const { port, get } = await startSeveral(t, port => [entryFor('acme', `http://acme.localhost:${port}`, plain)], { top })
    t.equal((await get(`http://acme.localhost:${port}/assets/x.js`)).status, 200)
  })
  await until(() => collector.spans().length >= 2)
  const span = collector.spans().find(({ name }) => name === 'tenant http')
  t.match(span === undefined ? {} : valuesOf(span), { 'qlik.tenant': 'acme', 'server.address': undefined })
  t.same([...new Set(tunnels)], ['collector.example:4318'])
})

t.test('a collector that is silent costs bounded memory, and holds up the end for two seconds at most', async t => {
  const collector = await startCollector(t, async () => await new Promise(() => {}))
  const { call, close } = await traceCalls(collector.origin)
  call(10_000)
  await close()
  await until(() => collector.headers.length === 5)
  t.equal(collector.headers.length, 5, 'a batch that was under way, and four that waited')
})
