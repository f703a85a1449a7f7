import { spawn, type ChildProcess } from 'node:child_process'
import { on, once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { builtCommand, measuredCommand } from './helpers/command.js'
import { accept } from './helpers/engine-sockets.js'
import { failureOf } from './helpers/failure.js'
import { settingsFor } from './helpers/gateway.js'
import { until } from './helpers/log.js'
import { reservePort } from './helpers/ports.js'
import { noteOutputOf } from './helpers/run-record.js'
import { serveHttp } from './helpers/servers.js'
import { cookieOf, freshSession, tenantAt } from './helpers/session-cookie.js'

const nowhere = { origin: 'http://127.0.0.1:1', client: { id: 'client', secret: 'hush-hush' } }
const version = (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version

/** The command as a process of its own. */
function start (t: Test, [command = '', ...words]: string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn(command, words, { env: { ...process.env, NODE_ENV: '', ...env } })
  t.teardown(() => { child.kill('SIGKILL') })
  return child
}

/** Runs the command to its end. */
async function run (t: Test, commands: string[], env: NodeJS.ProcessEnv = {}, program = builtCommand) {
  const child = start(t, [...program, ...commands], env)
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout as never),
    text(child.stderr as never),
    once(child, 'exit')
  ]) as [string, string, [number]]
  return { stdout, stderr, status }
}

/** Whether something listens on this port. */
async function isAccepted (port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const error = await failureOf(once(socket, 'connect')) as NodeJS.ErrnoException | undefined
  // What was accepted just before the end may be reset.
  socket.on('error', () => {}).destroy()
  return error?.code !== 'ECONNREFUSED'
}

/** A tenant that answers when it is told to. */
async function startSlowTenant (t: Test) {
  const waiting: ServerResponse[] = []
  const { origin, server } = await serveHttp(t, (_request, response) => {
    waiting.push(response)
    server.emit('asked')
  })
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
    t.teardown(() => { socket.destroy() })
    accept(socket.on('error', () => {}), request)
  })
  return {
    settings: { origin, client: { id: 'client', secret: 'hush-hush' } },
    asked: async () => {
      if (waiting.length === 0) await once(server, 'asked')
      return waiting.shift() as ServerResponse
    }
  }
}

/** The command when it says that it is ready, and the lines that it logs. */
async function serve (t: Test, env: NodeJS.ProcessEnv, program = builtCommand, flags: string[] = []) {
  const child = start(t, program.toSpliced(-1, 0, ...flags), { ...env, LOG_LEVEL: 'trace' })
  noteOutputOf(child)
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>
  const lines: Record<string, unknown>[] = []
  const log = createInterface({ input: child.stdout as never })
  await new Promise<void>((resolve, reject) => {
    log.on('line', line => {
      const entry = JSON.parse(line) as Record<string, unknown>
      lines.push(entry)
      if (entry.msg === 'ready') resolve()
      log.emit('told', entry.msg)
    })
    exited.then(([status]) => { reject(new Error(`It ended with ${status} before it was ready.`)) }, reject)
  })
  /** Waits for the next line of this text. */
  const line = async (text: string) => { for await (const [told] of on(log, 'told') as AsyncIterable<[string]>) if (told === text) return }
  return { child, exited, lines, line }
}

t.test('the process writes results and messages apart, and ends with the status of its command', async t => {
  t.same(await run(t, ['--version'], {}, measuredCommand), { status: 0, stdout: `${version}\n`, stderr: '' })
  t.match(await run(t, ['start']), { status: 2, stdout: '', stderr: /^There is no command "start"\./ })
})

t.test('what keeps it from a start is told in words on standard error, with the settings that were perhaps meant', async t => {
  const faulty = await run(t, [], {
    QLIK_TENANT_URL: 'http://tenant.example.com',
    QLIK_CLIENT_SECERT: 'hush-hush',
    SESSION_KEYS: 'bm90aGluZw=='
  }, measuredCommand)
  t.match(faulty, {
    status: 1,
    stdout: '',
    stderr: new RegExp([
      '^The settings have 4 faults:',
      ' {2}- QLIK_TENANT_URL is not https.*',
      ' {2}- QLIK_CLIENT_ID is required.*',
      ' {2}- SESSION_KEYS holds a key of 7 bytes.*',
      ' {2}- QLIK_CLIENT_SECRET is required.*',
      'Perhaps because:',
      ' {2}- QLIK_CLIENT_SECERT is no setting: is QLIK_CLIENT_SECRET meant\\?',
      '$'
    ].join('\n'))
  })
  t.notMatch(faulty.stderr, /hush-hush|bm90aGluZw/)
})

t.test('it logs JSON lines without a secret; after SIGTERM it takes no connection, finishes what is in flight and ' +
  'exits with 0', async t => {
  const { settings, asked } = await startSlowTenant(t)
  const port = await reservePort()
  const { child, exited, lines } = await serve(t, settingsFor(settings, port))
  const login = await fetch(`http://127.0.0.1:${port}/login?returnto=/secret-place`, { redirect: 'manual' })
  t.equal(login.status, 302)
  t.equal((await fetch(`http://127.0.0.1:${port}/no-such-place`)).status, 404)
  const answering = fetch(`http://127.0.0.1:${port}/assets/slow.css?a-query`)
  const answer = await asked()
  answer.write('first ')
  child.kill('SIGTERM')
  await until(async () => !await isAccepted(port))
  answer.end('last')
  t.equal(await (await answering).text(), 'first last')
  t.same(await exited, [0, null])
  t.match(lines.filter(({ level }) => level as number >= 30), [
    {
      level: 30,
      msg: 'starting',
      version,
      node: process.version,
      listeners: { gateway: `http://127.0.0.1:${port}` },
      publicUrl: `http://localhost:${port}/`,
      tenant: settings.origin,
      redis: false,
      traces: false
    },
    { level: 30, msg: /^Server listening at/ },
    { level: 30, msg: 'ready', publicUrl: `http://localhost:${port}/`, tenant: settings.origin },
    {
      level: 30,
      msg: 'request',
      method: 'GET',
      route: '/login',
      status: 302,
      milliseconds: Number,
      client: '127.0.0.1',
      traceId: /^[0-9a-f]{32}$/
    },
    { level: 40, msg: 'request', method: 'GET', status: 404 },
    { level: 30, msg: 'draining', signal: 'SIGTERM' },
    { level: 30, msg: 'request', method: 'GET', route: '/assets', status: 200 }
  ])
  const secrets = {
    state: new URL(login.headers.get('location') as string).searchParams.get('state') as string,
    cookie: (login.headers.get('set-cookie') as string).split(/[=;]/)[1] as string,
    'client secret': settings.client.secret,
    'return address': 'secret-place',
    path: 'no-such-place',
    query: 'a-query'
  }
  for (const [name, secret] of Object.entries(secrets)) t.notOk(JSON.stringify(lines).includes(secret), `no ${name} in the log`)
})

t.test('its log is for people where LOG_FORMAT says so', async t => {
  const child = start(t, measuredCommand, { ...settingsFor(nowhere, await reservePort()), LOG_FORMAT: 'pretty', LOG_LEVEL: 'info' })
  const exited = once(child, 'exit')
  let printed = ''
  for await (const piece of child.stdout as NodeJS.ReadableStream) {
    printed += String(piece)
    if (/INFO\S*: \S*ready/.test(printed) && !child.killed) child.kill('SIGINT')
  }
  t.same(await exited, [0, null])
  t.match(printed, /INFO\S*: \S*draining/)
})

t.test('what is questionable about the settings is a warning at the start; what is left at the end of the grace period is cut, and ' +
  'SIGINT exits with 0 all the same', async t => {
  const { settings, asked } = await startSlowTenant(t)
  const port = await reservePort()
  const questionable = { SESSION_KEYS: '', EMBED_ORIGIN: 'https://portal.example.com' }
  const env = settingsFor(settings, port, { SHUTDOWN_GRACE_SECONDS: '1', ...questionable })
  const { child, exited, lines } = await serve(t, env, measuredCommand)
  t.match(lines.slice(1, 3), [
    { level: 40, msg: 'EMBED_ORIGIN is no setting: is EMBED_ORIGINS meant?' },
    { level: 40, msg: /^SESSION_KEYS is not set/ }
  ])
  const answering = fetch(`http://127.0.0.1:${port}/assets/endless.css`)
  const answer = await asked()
  answer.write('first ')
  const cut = t.rejects(async () => await (await answering).text())
  const startedAt = Date.now()
  child.kill('SIGINT')
  t.same(await exited, [0, null])
  t.ok(Date.now() - startedAt > 900)
  await cut
  t.match(lines.at(-1), { level: 40, msg: /^the grace period is over/ })
})

t.test('an exception that nothing caught is told, what is in flight is finished, and the process ends with 1', async t => {
  const { settings, asked } = await startSlowTenant(t)
  const port = await reservePort()
  const planted = 'process.on("SIGUSR2", () => { Promise.reject("a rejection"); setImmediate(() => { throw new Error("an exception") }) })'
  const { child, exited, lines } = await serve(t, settingsFor(settings, port, { SHUTDOWN_GRACE_SECONDS: '5' }), measuredCommand, [
    '--import',
    `data:text/javascript,${planted}`
  ])
  const answering = fetch(`http://127.0.0.1:${port}/assets/slow.css`)
  const answer = await asked()
  answer.write('first ')
  child.kill('SIGUSR2')
  await until(async () => !await isAccepted(port))
  answer.end('last')
  t.equal(await (await answering).text(), 'first last')
  t.same(await exited, [1, null])
  t.match(lines.filter(({ level }) => level === 60), [
    { failure: /a rejection/ },
    { failure: 'an exception', stack: /data:text/, msg: /^an exception that nothing caught/ }
  ])
})

t.test('the request in whose course an exception was raised gets its 500 or is cut, and others are finished', async t => {
  const { settings, asked } = await startSlowTenant(t)
  const port = await reservePort()
  const planted = `
    import { AsyncResource } from 'node:async_hooks'
    import { subscribe } from 'node:diagnostics_channel'
    const fail = path => { setImmediate(() => { throw new Error(path) }) }
    const plant = path => { if (path.includes('planted')) process.once('SIGUSR2', AsyncResource.bind(() => { fail(path) })) }
    subscribe('undici:request:create', ({ request }) => { plant(request.path) })
    subscribe('http.client.request.start', ({ request }) => { plant(request.path) })
  `
  const imported = ['--import', `data:text/javascript,${encodeURIComponent(planted)}`]
  const env = settingsFor(settings, port, { SHUTDOWN_GRACE_SECONDS: '5' })
  const { child, exited, lines } = await serve(t, env, measuredCommand, imported)
  const origin = `http://localhost:${port}`
  const cookie = await cookieOf(freshSession(), { ...tenantAt(settings.origin), ...settings })
  const engine = new WebSocket(`ws://localhost:${port}/app/planted`, { headers: { cookie, origin } })
  const closed = once(engine, 'close') as Promise<[number]>
  await once(engine, 'open')
  const get = async (path: string) => await fetch(origin + path)
  const [silent, begun, other] = [get('/assets/planted-silent'), get('/assets/planted-begun'), get('/assets/other')]
  const answers = [await asked(), await asked(), await asked()]
  const answerTo = (path: string) => answers.find(({ req }) => req.url === path) as ServerResponse
  answerTo('/assets/planted-begun').write('first ')
  answerTo('/assets/other').write('first ')
  const cut = t.rejects(async () => await (await begun).text())
  await Promise.all([begun, other])
  child.kill('SIGUSR2')
  const failed = await silent
  t.equal(failed.status, 500)
  const body = await failed.json() as { traceId: string }
  t.match(body, { errors: [{ code: 'GW-INTERNAL' }] })
  await cut
  t.equal((await closed)[0], 1006, 'a socket is cut, before the draining would close it')
  answerTo('/assets/other').end('last')
  t.equal(await (await other).text(), 'first last')
  t.same(await exited, [1, null])
  const told = lines.filter(({ level }) => level === 60)
  t.match(told.filter(({ failure }) => failure === '/assets/planted-silent'), [{ traceId: body.traceId, stack: /data:text/ }])
  t.equal(told.length, 3)
})

t.test('a start that fails ends the process, with Redis and the admin listener too', async t => {
  const { origin } = await serveHttp(t, (_request, response) => { response.end() })
  const taken = Number(new URL(origin).port)
  const free = await reservePort()
  const settings = { REDIS_URL: `redis://127.0.0.1:${await reservePort()}`, LOG_LEVEL: 'info' }
  const [gatewayTaken, adminTaken] = await Promise.all([
    run(t, ['serve'], settingsFor(nowhere, taken, { ...settings, ADMIN_PORT: String(free) }), measuredCommand),
    run(t, [], settingsFor(nowhere, free, { ...settings, ADMIN_PORT: String(taken) }))
  ])
  for (const { status, stderr } of [gatewayTaken, adminTaken]) {
    t.equal(status, 1)
    t.match(stderr, new RegExp(`^The gateway cannot start: .*EADDRINUSE.*:${taken}\n$`))
  }
  t.match(gatewayTaken.stdout, `"admin":"http://127.0.0.1:${free}"`, 'the first line tells what was to listen')
})

t.test('SIGHUP has files read again at once, and ends nothing', async t => {
  const folder = t.testdir({ keys: 'A'.repeat(43) + '=' })
  const port = await reservePort()
  const { child, exited, lines, line } = await serve(
    t,
    settingsFor(nowhere, port, { SESSION_KEYS: '', SESSION_KEYS_FILE: `${folder}/keys` })
  )
  for (const letter of ['B', 'C', 'D']) {
    writeFileSync(`${folder}/keys`, letter.repeat(42) + 'A=')
    child.kill('SIGHUP')
    await line('the session keys were replaced')
  }
  t.equal((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 200)
  child.kill('SIGTERM')
  t.same(await exited, [0, null])
  t.equal(lines.filter(({ msg }) => msg === 'the session keys were replaced').length, 3)
})
