import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { readConfig } from '../src/settings/config.js'
import { errorTable } from '../src/errors.js'
import type { LogStream } from '../src/operate/log-stream.js'
import { createServer } from '../src/serve.js'
import { bareNode } from './helpers/bare-node.js'
import { nowhere, settingsFor, type Running } from './helpers/gateway.js'
import { until } from './helpers/log.js'
import { reservePort } from './helpers/ports.js'
import { openRaw, sendRaw } from './helpers/raw.js'
import { entryFor, startSeveral } from './helpers/several-tenants.js'

async function start (
  t: Test,
  settings: NodeJS.ProcessEnv = {},
  prepare: (app: FastifyInstance) => unknown = () => {}
): Promise<Pick<Running, 'app' | 'signals' | 'origin'>> {
  const config = readConfig(settingsFor(nowhere, await reservePort(), settings))
  const app = await createServer(config)
  t.teardown(async () => { await app.close() })
  prepare(app)
  await app.listen({ host: '127.0.0.1', port: config.server.port })
  return { app, signals: config.gateway.signals, origin: `http://localhost:${config.server.port}` }
}

/** The connections that are opened from now on, as the gateway has them. */
function noteSockets (app: FastifyInstance): Socket[] {
  const sockets: Socket[] = []
  app.server.on('connection', socket => { sockets.push(socket) })
  return sockets
}

t.test('a gateway loads what its settings ask for', async t => {
  // In a process of its own, which has loaded nothing for other tests.
  const load = `
    import { createRequire } from 'node:module'
    import { readConfig } from '${import.meta.resolve('../src/settings/config.js')}'
    import { createServer } from '${import.meta.resolve('../src/serve.js')}'
    const app = await createServer(readConfig(process.env))
    await app.close()
    console.log(JSON.stringify(Object.keys(createRequire('${import.meta.url}').cache)))`
  const loadedWith = async (settings: NodeJS.ProcessEnv = {}): Promise<string[]> => {
    const [command, ...words] = bareNode
    const env = settingsFor(nowhere, await reservePort(), settings)
    const { stdout } = await promisify(execFile)(command, [...words, '--input-type=module', '--eval', load], { env })
    return ['fastify', 'prom-client', '@redis/client', '@fastify/ajv-compiler', '@fastify/fast-json-stringify-compiler']
      .filter(name => stdout.includes(`/node_modules/${name}/`))
  }
  t.same(await loadedWith(), ['fastify'])
  t.same(await loadedWith({ ADMIN_PORT: String(await reservePort()) }), ['fastify', 'prom-client'])
})

t.test('a start may take as long as the processor needs', async t => {
  const { app } = await start(t)
  t.equal(app.initialConfig.pluginTimeout, 0)
})

t.test('the server of the command compiles no schemas', async t => {
  const compiled = start(t, {}, async app => { app.get('/typed', { schema: { querystring: { type: 'object' } } }, async () => '') })
  await t.rejects(compiled, { message: 'This instance compiles no schemas.' })
})

t.test('lines that the log drops are signalled, whatever it is written to', async t => {
  const config = readConfig(settingsFor(nowhere, await reservePort()))
  const stream: LogStream = { write () {} }
  const app = await createServer(config, stream)
  t.teardown(async () => { await app.close() })
  const dropped = once(config.gateway.signals, 'logDropped')
  stream.onDropped?.(3)
  t.same(await dropped, [3])
})

t.test('health is told at the root, and below the path of the public URL too', async t => {
  const cases: [settings: NodeJS.ProcessEnv, paths: string[]][] = [
    [{}, ['/healthz', '/readyz']],
    [{ PUBLIC_URL: 'https://app.example.com/qlik' }, ['/healthz', '/readyz', '/qlik/healthz', '/qlik/readyz']]
  ]
  for (const [settings, paths] of cases) {
    const { app } = await start(t, settings)
    for (const url of paths) {
      const answer = await app.inject({ url })
      t.equal(answer.statusCode, 200, url)
      t.same(answer.json(), { status: 'ok' })
      t.equal(answer.headers['cache-control'], 'no-store')
    }
  }
})

t.test('what lies beside the path of the public URL is not found, in the shape of every error', async t => {
  const { app } = await start(t, { PUBLIC_URL: 'https://app.example.com/qlik' })
  for (const url of ['/', '/login', '/api/v1/items', '/qliklogin', '/qlik2/login', '/%71lik/login', '/<script>']) {
    const answer = await app.inject({ url })
    t.equal(answer.statusCode, 404, url)
    t.match(answer.json(), { errors: [{ code: 'GW-NOT-FOUND', status: '404' }], traceId: /^[0-9a-f]{32}$/ })
  }
  t.equal((await app.inject({ url: '/qlik/login' })).statusCode, 302)
})

t.test('an address that cannot be decoded is refused in the shape of every error', async t => {
  const { app } = await start(t)
  for (const url of ['/%zz', '/api/%c0%ae%c0%ae/', '/%']) {
    const answer = await app.inject({ url })
    t.equal(answer.statusCode, 400, url)
    t.match(answer.json(), { errors: [{ code: 'GW-BAD-TARGET', status: '400' }], traceId: /^[0-9a-f]{32}$/ })
  }
  const several = await startSeveral(t, port => [entryFor('one', `http://one.localhost:${port}/a`, nowhere)])
  t.match(
    await several.get(`http://one.localhost:${several.port}/a/%zz`, { accept: 'text/html' }),
    { status: 400, body: /GW-BAD-TARGET/ },
    'whosever it is'
  )
})

const login = 'GET /login HTTP/1.1\r\nHost: localhost\r\n'
const malformed: [title: string, bytes: string, status: number, code: string][] = [
  ['what is not HTTP', 'hello\r\n\r\n', 400, 'GW-BAD-REQUEST'],
  ['TLS on a plain port', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003\r\n\r\n', 400, 'GW-BAD-REQUEST'],
  ['a header without a name', `${login}: x\r\n\r\n`, 400, 'GW-BAD-REQUEST'],
  ['a space before the colon', `${login}X-One : x\r\n\r\n`, 400, 'GW-BAD-REQUEST'],
  ['a bare CR in a header', `${login}X-One: a\rb\r\n\r\n`, 400, 'GW-BAD-REQUEST'],
  ['a NUL in a header', `${login}X-One: a\u0000b\r\n\r\n`, 400, 'GW-BAD-REQUEST'],
  ['two lengths', 'POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde', 400, 'GW-BAD-REQUEST'],
  ['a length with a transfer coding',
    'POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400,
    'GW-BAD-REQUEST'],
  ['a transfer coding that hides another',
    'POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n', 400, 'GW-BAD-REQUEST'],
  ['a length that is no number', 'POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nabcd', 400, 'GW-BAD-REQUEST'],
  ['headers of more than 32 KB', `${login}Cookie: ${'a'.repeat(33_000)}\r\n\r\n`, 431, 'GW-TOO-MANY-COOKIES']
]

t.test('what cannot be read as HTTP is refused in the shape of every error, and its connection is closed', async t => {
  const { origin } = await start(t)
  for (const [title, bytes, status, code] of malformed) {
    // Another request behind it must not be answered: the two ends may disagree where it begins.
    const { status: answered, head, body } = await sendRaw(t, origin, `${bytes}GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n`)
    t.equal(answered, status, title)
    t.match(head, /^connection: close$/im, title)
    t.match(JSON.parse(body), { errors: [{ code, status: String(status) }], traceId: /^[0-9a-f]{32}$/ }, title)
  }
})

t.test('the four cookies of a large session fit into the headers of a request, with as much again beside them', async t => {
  const { origin } = await start(t)
  const cookies = Array.from({ length: 4 }, (_, part) => `qlik-session.${part}=${'x'.repeat(3_900)}`).join('; ')
  const headers = `Host: x\r\nConnection: close\r\nX-Other: ${'x'.repeat(14_000)}\r\nCookie: ${cookies}\r\n`
  t.equal((await sendRaw(t, origin, `GET /gateway/session HTTP/1.1\r\n${headers}\r\n`)).status, 200)
})

t.test('a target in another form than the origin form is refused', async t => {
  const { origin } = await start(t)
  for (const target of [
    `${origin}/healthz`, 'http://evil.example/login', 'https://evil.example/api/v1/items', 'evil.example:443', '*',
    'login', '?x'
  ]) {
    for (const method of ['GET', 'OPTIONS']) {
      const { status, body } = await sendRaw(t, origin, `${method} ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
      t.equal(status, 400, `${method} ${target}`)
      if (body !== '') t.match(JSON.parse(body), { errors: [{ status: '400' }] })
    }
  }
  t.notOk((await sendRaw(t, origin, 'CONNECT tenant.example:443 HTTP/1.1\r\nHost: tenant.example:443\r\n\r\n')).body, 'it is no tunnel')
})

t.test('a connection that is reset or half closed in the middle of a request leaves the gateway alive', async t => {
  const { app, origin } = await start(t)
  const errors: (string | undefined)[] = []
  app.server.on('clientError', (error: NodeJS.ErrnoException) => { errors.push(error.code) })
  const sockets = noteSockets(app)
  const reset = await openRaw(t, origin)
  reset.write('GET /healthz HTTP/1.1\r\nX-')
  await until(() => sockets[0]?.bytesRead)
  reset.resetAndDestroy()
  const half = await openRaw(t, origin)
  half.end('GET /healthz HTTP/1.1\r\nX-')
  t.match(await text(half), /^(?:HTTP\/1\.1 400|$)/)
  await until(() => errors.length === 2)
  t.match(errors, ['ECONNRESET', 'HPE_INVALID_EOF_STATE'])
  t.equal((await app.inject({ url: '/healthz' })).statusCode, 200)
})

t.test('while it drains, what is in flight is finished, health tells, and no connection outlives its answer', async t => {
  let release = () => {}
  const released = new Promise<void>(resolve => { release = resolve })
  let arrived = 0
  const { app, origin } = await start(t, {}, app => app.addHook('onSend', async request => {
    if (request.url !== '/gateway/session') return
    arrived++
    await released
  }))
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => { agent.destroy() })
  const slow = once(get(`${origin}/gateway/session`, { agent }), 'response')
  await until(() => arrived === 1)
  const sockets = noteSockets(app)
  const pipelined = await openRaw(t, origin)
  pipelined.write('GET /gateway/session HTTP/1.1\r\nHost: x\r\n\r\n')
  await until(() => arrived === 2)
  const received = sockets[0]?.bytesRead ?? 0
  const unused = await openRaw(t, origin)
  const closed = app.close()
  await t.rejects(fetch(`${origin}/healthz`), 'it takes no connection any more')
  pipelined.write('GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n')
  await until(() => Number(sockets[0]?.bytesRead) > received)
  release()
  const [response] = await slow as [IncomingMessage]
  t.equal(response.statusCode, 200)
  t.match(JSON.parse(await text(response)), { authenticated: false })
  t.match(await text(pipelined), /^HTTP\/1.1 200 .*"authenticated":false.*HTTP\/1.1 503 .*connection: close.*\{"status":"draining"\}$/is)
  t.equal(await text(unused), '', 'one that a browser opened ahead of need ends too')
  await closed
})

t.test('every error of the table has a title, and a detail that says what to do', async t => {
  t.same(Object.entries(errorTable).filter(([code, { status, title, detail }]) =>
    !/^GW-[A-Z-]+$/.test(code) || status < 400 || status > 508 || !/^[A-Z].*[^.]$/.test(title) || !/^[A-Z].+\.$/.test(detail)), [])
})
