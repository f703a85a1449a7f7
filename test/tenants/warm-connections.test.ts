import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { createSignals } from '../../src/signals.js'
import type { TenantRequest } from '../../src/tenants/noted-client.js'
import { ReadyConnections } from '../../src/tenants/ready-connections.js'
import { createTransport, type TransportOptions } from '../../src/tenants/transport.js'
import { measuredCommand } from '../helpers/command.js'
import { failureOf } from '../helpers/failure.js'
import { until } from '../helpers/log.js'
import { stopMonotonic } from '../helpers/monotonic.js'
import { cookieOf, freshSession, tenantAt } from '../helpers/session-cookie.js'
import { startTlsStage, type TlsStage } from '../helpers/tls-tenant.js'

async function openSocket (t: Test, { origin, cookie }: TlsStage): Promise<void> {
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/app/x`, { headers: { cookie, origin } })
  t.teardown(() => { socket.terminate() })
  await once(socket, 'message')
}

const carries = (...requests: string[]) => ({ carried }: { carried: string[] }) => requests.every(request => carried.includes(request))
const unused = ({ seen }: TlsStage) => seen.filter(({ socket, carried }) => carried.length === 0 && !socket.destroyed).length

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  t.test(`calls, tokens and sockets resume the TLS session of an earlier connection (${version})`, async t => {
    const stage = await startTlsStage(t, {
      settings: { WARM_CONNECTIONS: '0' },
      tls: { minVersion: version, maxVersion: version },
      program: measuredCommand
    })
    const { origin, cookie, seen, tenant } = stage
    const session = freshSession()
    const address = `https://localhost:${(tenant.address() as AddressInfo).port}`
    const due = await cookieOf(
      { ...session, id: 'due', grant: { ...session.grant, refreshToken: 'due', grantedAt: 0, endsAt: Date.now() - 1 } },
      tenantAt(address)
    )
    await (await fetch(`${origin}/api/x`, { headers: { cookie } })).text()
    await openSocket(t, stage)
    await (await fetch(`${origin}/api/x`, { headers: { cookie: due } })).text()
    for (const request of ['GET /app/x', 'POST /oauth/token']) t.equal(seen.find(carries(request))?.resumed, true, request)
    t.same(seen.map(({ resumed }) => resumed), [false, ...seen.slice(1).map(() => true)], 'all but the first')
    for (const { carried } of seen) if (carried.includes('POST /oauth/token')) t.equal(carried.length, 1, 'a connection of its own')
    t.match(await stage.readMetrics(), `qlik_gateway_tenant_connections_total{tls="resumed"} ${seen.length - 1}`)
  })
}

t.test('while a tenant is used, connections stand ready for requests and sockets, and one that is taken or closed is replaced', async t => {
  const stage = await startTlsStage(t)
  const { origin, cookie, seen } = stage
  t.equal(seen.length, 0, 'none before somebody uses it')
  await (await fetch(`${origin}/api/x`, { headers: { cookie } })).text()
  await until(() => unused(stage) === 4)
  await until(async () => /warm_connections\{use="http"\} 2\n.*warm_connections\{use="websocket"\} 2\n/.test(await stage.readMetrics()))

  const before = new Set(seen)
  await openSocket(t, stage)
  t.ok(before.has(seen.find(carries('GET /app/x')) as never), 'a socket takes one that was there')
  await until(() => unused(stage) === 4)

  const old = seen.filter(({ carried }) => carried.length === 0)
  for (const { socket } of old) socket.destroy()
  await (await fetch(`${origin}/api/x`, { headers: { cookie } })).text()
  await openSocket(t, stage)
  for (const { carried } of old) t.equal(carried.length, 0, 'one that the tenant has closed is not used')
})

t.test('a request on a connection that stood ready and is dead is sent once more where it may be, and a socket is ' +
  'asked for once more', async t => {
  const stage = await startTlsStage(t, { settings: { WARM_CONNECTIONS: '1' } })
  const { origin, cookie, seen, tenant } = stage
  await (await fetch(`${origin}/api/x`, { headers: { cookie } })).text()
  await until(() => unused(stage) === 2)
  const dying = new Set(seen.filter(({ carried }) => carried.length === 0).map(({ socket }) => socket))
  const killed: string[] = []
  for (const event of ['request', 'upgrade'] as const) {
    tenant.prependListener(event, ({ socket, method }: IncomingMessage) => {
      if (!dying.has(socket as TLSSocket)) return
      killed.push(`${event} ${method}`)
      socket.destroy()
    })
  }
  // The next request takes one that stands ready.
  for (const { socket } of seen) if (!dying.has(socket)) socket.destroy()
  t.equal((await fetch(`${origin}/api/x`, { headers: { cookie } })).status, 200)
  await openSocket(t, stage)
  t.same(killed, ['request GET', 'upgrade GET'])
})

/** A tenant of bytes, and a transport to it. */
async function setUp (t: Test, options: Partial<TransportOptions>, greet: (socket: Socket) => void = () => {}) {
  const sockets: Socket[] = []
  const server = createServer(socket => {
    sockets.push(socket.on('error', () => {}))
    greet(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const signals = createSignals()
  let ready = 0
  signals.on('warmed', (_use, by) => { ready += by })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const transport = createTransport(new URL(origin), { connections: 4, signals, proxies: {}, warmConnections: 1, ...options })
  t.teardown(async () => {
    await transport.close()
    server.close()
    if (ready !== 0) throw new Error(`${ready} are counted that are closed`)
  })
  const send = async (method: string, body: string | null = null) => {
    const request: TenantRequest = { origin, method, path: '/', body }
    await new Promise<void>((resolve, reject) => {
      // Undici takes the connection for free a turn later.
      const end = () => setImmediate(() => setImmediate(resolve))
      transport.dispatch(request, {
        onRequestStart () {},
        onResponseStart () {},
        onResponseData () {},
        onResponseEnd: end,
        onResponseError (_, error) {
          reject(error)
        }
      })
    })
    return request.connection?.socket?.localPort
  }
  return { server, sockets, transport, send, readyCount: () => ready }
}

const answer = (socket: Socket) => { socket.on('data', () => { socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n') }) }
const signal = new AbortController().signal

t.test('a socket that finds no connection ready for sockets takes one that is for requests', async t => {
  const asked: Socket[] = []
  const { sockets, transport, readyCount } = await setUp(t, {}, socket => {
    socket.on('data', () => {
      asked.push(socket)
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')
    })
  })
  const ask = async () => await transport.connectWebSocket('/app/x', {}, signal)
  await ask()
  await until(() => readyCount() === 2)
  const ready = new Set(sockets.filter(socket => !asked.includes(socket)))
  await Promise.all([ask(), ask()])
  t.same(new Set(asked.slice(1)), ready)
})

t.test('a socket is asked for once more only where nothing of an answer came, and where the connection had stood ready', async t => {
  let asked = 0
  let answers: ((socket: Socket) => void)[] = []
  const { transport, readyCount } = await setUp(t, {}, socket => {
    socket.on('data', () => {
      asked++
      answers.shift()?.(socket)
    })
  })
  const reset = (socket: Socket) => { socket.resetAndDestroy() }
  const begin = (socket: Socket) => { socket.end('HTTP/1.1 4') }
  const deny = (socket: Socket) => { socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n') }
  const ask = async (...then: typeof answers) => {
    await until(() => readyCount() === 2)
    asked = 0
    answers = then
    const failure = await failureOf(transport.connectWebSocket('/app/x', {}, signal)) as { code?: string } | undefined
    return [failure?.code, asked]
  }
  answers = [deny]
  const { answer } = await transport.connectWebSocket('/app/x', {}, signal)
  t.equal(answer.statusCode, 403)
  t.same(await ask(reset, deny), [undefined, 2])
  t.same(await ask(reset, reset), ['GW-TENANT-UNREACHABLE', 2])
  t.same(await ask(begin), ['GW-TENANT-UNREACHABLE', 1])

  const leaving = new AbortController()
  await until(() => readyCount() === 2)
  asked = 0
  answers = [() => { leaving.abort() }]
  await t.rejects(transport.connectWebSocket('/app/x', {}, leaving.signal))
  t.equal(asked, 1, 'nor for a client that has left')
})

t.test('what a tenant says before it is asked is no answer, and its connection is closed', async t => {
  const { sockets, transport, readyCount } = await setUp(t, { warmConnections: 1 })
  await failureOf(transport.connectWebSocket('/app/x', {}, AbortSignal.timeout(1)))
  await until(() => readyCount() === 2)
  // The tenant may hear of a connection after the gateway has counted it.
  const told = new Set<Socket>()
  await until(() => {
    for (const socket of sockets) {
      if (!told.has(socket)) socket.write('HTTP/1.1 408 Request Timeout\r\n\r\n')
      told.add(socket)
    }
    return readyCount() === 0
  })
})

t.test('connections that stand ready are let go when nobody has used the tenant for a while, and come back with the next user', async t => {
  const clock = stopMonotonic(t)
  const { sockets, send, readyCount } = await setUp(t, { idleMs: 100, warmConnections: 2 }, answer)
  await send('GET')
  await until(() => readyCount() === 4)
  clock.ms += 100
  await until(() => readyCount() === 0)
  await until(() => sockets.every(({ destroyed }) => destroyed))
  await send('GET')
  await until(() => readyCount() === 4)
})

t.test('many may stand ready, and Node warns of no leak', async t => {
  const warnings: Error[] = []
  const note = (warning: Error) => { warnings.push(warning) }
  process.on('warning', note)
  t.teardown(() => { process.off('warning', note) })
  const { send, readyCount } = await setUp(t, { warmConnections: 15 }, answer)
  await send('GET')
  await until(() => readyCount() === 30)
  t.same(warnings, [])
})

t.test('for a tenant that is no longer served none stands ready, at once, and what is still under way is served', async t => {
  const { sockets, send, readyCount, transport } = await setUp(t, { warmConnections: 2 }, answer)
  await send('GET')
  await until(() => readyCount() === 4)
  transport.retire()
  t.equal(readyCount(), 0)
  await send('GET')
  await until(() => sockets.every(({ destroyed, bytesRead }) => destroyed || bytesRead > 0))
  t.equal(readyCount(), 0)
})

t.test('a connection that stands ready for long is replaced, so that a changed name of the tenant is noticed', async t => {
  const clock = stopMonotonic(t)
  const { sockets, send, readyCount } = await setUp(t, { idleMs: 100 }, answer)
  await send('GET')
  await until(() => readyCount() === 2)
  const first = sockets.filter(({ bytesRead }) => bytesRead === 0)
  clock.ms += 60
  await send('GET')
  clock.ms += 60
  await until(() => first.every(({ destroyed }) => destroyed) && readyCount() === 2)
})

t.test('a tenant that takes no connection, or closes each at once, is not asked without end', async t => {
  const { server, sockets, transport, send } = await setUp(t, {}, socket => { socket.destroy() })
  await failureOf(transport.connectWebSocket('/app/x', {}, signal))
  await until(() => sockets.length >= 3)
  await failureOf(send('GET'))
  const seen = sockets.length
  t.ok(seen <= 8, 'each use opens a few')
  server.close()
  await failureOf(send('GET'))
  await failureOf(transport.connectWebSocket('/app/x', {}, signal))
  t.equal(sockets.length, seen)
})

t.test('what changes something is sent on no connection that has been idle for long', async t => {
  const { send, readyCount } = await setUp(t, { writeIdleMs: 0 }, answer)
  const first = await send('GET')
  await until(() => readyCount() === 2)
  t.equal(await send('GET'), first)
  const second = await send('POST', 'x')
  t.not(second, first)
  t.equal(await send('GET'), second)
  t.not(await send('DELETE'), second)
})

t.test('a connection that has opened when nobody wants it any more is closed', async t => {
  const { server } = await setUp(t, { warmConnections: 0 })
  const changes: number[] = []
  const opened: Socket[] = []
  const ready = new ReadyConnections({
    dial: async gone => {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
      opened.push(socket)
      await Promise.all([once(socket, 'connect'), once(gone as AbortSignal, 'abort')])
      return socket
    },
    count: 2,
    changed: by => { changes.push(by) },
    idleMs: 60_000
  })
  ready.use()
  ready.close()
  await until(() => opened.every(({ destroyed }) => destroyed))
  t.same([opened.length, changes], [2, []])
})

t.test('a transport that has ended opens nothing for whoever still asks', async t => {
  const { sockets, transport, send } = await setUp(t, {})
  await transport.close()
  await t.rejects(send('GET'), { code: 'UND_ERR_DESTROYED' })
  await t.rejects(transport.fetch('http://127.0.0.1/api'))
  t.equal(sockets.length, 0)
})

t.test('a client that leaves while a connection is opened leaves none behind', async t => {
  const { sockets, transport } = await setUp(t, { warmConnections: 0 })
  await t.rejects(transport.connectWebSocket('/app/x', {}, AbortSignal.abort()), { code: 'GW-TENANT-UNREACHABLE' })
  await until(() => sockets.every(({ destroyed }) => destroyed))
})
