import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import type { SignalMap } from '../../src/signals.js'
import { createDial } from '../../src/tenants/dial.js'
import { connectUpstream } from '../../src/tenants/handshake.js'
import { readAnswers } from '../helpers/answers.js'
import { accept, startBeforeRaw } from '../helpers/engine-sockets.js'
import { failureOf } from '../helpers/failure.js'
import { createClock, startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { stopMonotonic } from '../helpers/monotonic.js'
import { countBytes, countConnections, onDial, serveHttp } from '../helpers/servers.js'

/** A client that asks for a socket, and never ends its half of the connection by itself. */
function ask (t: Test, { origin, cookie }: { origin: string, cookie: string }): Socket {
  const client = connect({ port: Number(new URL(origin).port), host: '127.0.0.1', allowHalfOpen: true })
  t.teardown(() => { client.destroy() })
  client.on('error', () => {})
  client.write(
    `GET /app/x HTTP/1.1\r\nHost: x\r\nOrigin: ${origin}\r\nCookie: ${cookie}\r\nConnection: Upgrade\r\n` +
    'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
  )
  return client
}

t.test('a side that ends takes the other with it, though that says nothing and stays half open', async t => {
  const cases: [title: string, end: (client: Socket, tenant: Socket) => unknown, by: string, code: number][] = [
    ['a close frame of the tenant', (_client, tenant) => tenant.write(Buffer.from([0x88, 2, 0x03, 0xe8])), 'tenant', 1000],
    ['the tenant\'s half', (_client, tenant) => tenant.end(), 'tenant', 4003],
    ['a close frame of the client', client => client.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8])), 'client', 1000],
    ['the client\'s half', client => client.end(), 'client', 1006]
  ]
  await Promise.all(cases.map(async ([title, end, by, code]) => {
    const running = await startBeforeRaw(t, (socket, request) => { accept(socket.resume(), request) })
    const client = ask(t, running)
    await once(client, 'data')
    client.resume()
    const over = once(running.signals, 'socketClosed') as Promise<SignalMap['socketClosed']>
    end(client, running.accepted[0] as Socket)
    const [life] = await over
    t.match(life, { by, code }, title)
    await until(async () => await countConnections(running.app.server) === 0)
  }))
})

t.test('a side that reads nothing for a minute is given up, while the other ends unseen', async t => {
  for (const deaf of ['client', 'tenant'] as const) {
    const wallClock = createClock()
    const accepted: Socket[] = []
    const { origin: upstream, server } = await serveHttp(t, () => {})
    server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
      accepted.push(socket.on('error', () => {}))
      accept(socket, request)
    })
    const running = await startGateway(t, { tenant: { origin: upstream }, clock: wallClock })
    const clock = stopMonotonic(t)
    const client = ask(t, running)
    await once(client, 'data')
    const tenant = accepted[0] as Socket
    const [listener, speaker] = deaf === 'client' ? [client, tenant] : [tenant, client]
    listener.pause()
    const over = once(running.signals, 'socketClosed') as Promise<SignalMap['socketClosed']>
    const frame = Buffer.concat([
      Buffer.from([0x82, deaf === 'client' ? 0x7f : 0xff, 0, 0, 0, 0, 1, 0, 0, 0]),
      Buffer.alloc(deaf === 'client' ? 16_777_216 : 16_777_220)
    ])
    speaker.write(frame)
    speaker.end()
    let sweeps = 0
    let turnedMs = 0
    const turn = setInterval(() => {
      // That the time of day is set is no time that passes.
      wallClock.aheadMs += 300_000
      if (++sweeps < 3) return
      clock.ms += 30_000
      turnedMs += 30_000
    }, 1_100)
    const [life] = await over
    clearInterval(turn)
    t.match(life, { by: 'gateway', code: 1006 }, `the ${deaf} reads nothing`)
    t.ok(turnedMs >= 60_000, 'for a minute that has passed')
    await until(async () => await countConnections(running.app.server) === 0)
    tenant.destroy()
  }
})

t.test('a client hears of a tenant that says nothing, however long a renewal and that take together', async t => {
  const { origin: upstream, server } = await serveHttp(t, (_request, response) => {
    setTimeout(
      () =>
        response
          .setHeader('content-type', 'application/json')
          .end('{"access_token":"another","refresh_token":"next","token_type":"bearer"}'),
      2_000
    )
  })
  server.on('upgrade', (_request, socket: Socket) => { socket.on('error', () => {}).resume() })
  const clock = createClock()
  const running = await startGateway(t, { tenant: { origin: upstream }, clock })
  clock.aheadMs = 3_590_000
  const client = ask(t, running)
  const chunks: Buffer[] = []
  client.on('data', (chunk: Buffer) => { chunks.push(chunk) })
  await once(client, 'end')
  const { answers: [answer], whole } = readAnswers(Buffer.concat(chunks))
  t.equal(whole, true)
  t.match([answer?.status, String(answer?.body)], [504, /GW-TENANT-TIMEOUT/])
})

t.test('the connection to the tenant is kept alive where networks forget silent ones', async t => {
  const kept: unknown[] = []
  onDial(t, socket => {
    const setKeepAlive = socket.setKeepAlive.bind(socket)
    socket.setKeepAlive = (...args) => {
      kept.push(args)
      return setKeepAlive(...args)
    }
  })
  const { dial, accepted } = await startBeforeRaw(t, (socket, request) => { accept(socket, request) })
  const socket = dial()
  await once(socket, 'open')
  t.same(kept, [[true, 30_000]])
  t.equal(accepted.length, 1)
  socket.terminate()
})

t.test('a tenant that takes no connection, or says nothing on it, is given up in time', async t => {
  const attempt = async (origin: string, timeoutMs: number) => await connectUpstream(
    { dial: createDial(new URL(origin), {}, { timeoutMs }) },
    { path: '/app/x', headers: {}, signal: new AbortController().signal, timeoutMs }
  )
  const failure = async (origin: string) => await failureOf(attempt(origin, 300))
  // A process that accepts nothing: once its queue is full, the system drops what would open another connection.
  const source = `
    const { parentPort } = require('node:worker_threads')
    const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      parentPort.postMessage(server.address().port)
      setImmediate(() => { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0) })
    })`
  const worker = new Worker(source, { eval: true })
  t.teardown(async () => { await worker.terminate() })
  const [port] = await once(worker, 'message') as [number]
  for (let count = 0; count < 4; count++) {
    const filler = connect(port, '127.0.0.1').on('error', () => {})
    t.teardown(() => { filler.destroy() })
  }
  t.match(
    await failure(`http://127.0.0.1:${port}`),
    { code: 'GW-TENANT-UNREACHABLE', cause: { message: /within 300 ms/ } },
    'no connection'
  )

  const mute = createServer().listen(0, '127.0.0.1')
  t.teardown(() => { mute.close() })
  mute.on('connection', socket => { t.teardown(() => { socket.on('error', () => {}).destroy() }) })
  await once(mute, 'listening')
  const { port: mutePort } = mute.address() as AddressInfo
  t.match(await failure(`https://localhost:${mutePort}`), { code: 'GW-TENANT-UNREACHABLE' }, 'no TLS')
  t.match(await failure(`http://127.0.0.1:${mutePort}`), { code: 'GW-TENANT-TIMEOUT' }, 'no answer')

  const { origin } = await serveHttp(t, (_request, response) => { response.writeHead(403, { 'content-length': 10 }).write('half') })
  const refusal = await attempt(origin, 100)
  t.match(await failureOf(once(refusal.answer.resume(), 'end')), { code: 'GW-TENANT-TIMEOUT' }, 'half a refusal')
})

t.test('a client that leaves while something is waited for leaves nothing behind, whichever way it goes', async t => {
  const waits = ['the token', 'the tenant', 'another token', 'nothing, since the tenant has just agreed'] as const
  for (const wait of waits) {
    for (const leave of ['reset', 'half'] as const) {
      const title = `${leave} while it waits for ${wait}`
      let go = (): void => {}
      let asked = false
      const { origin: upstream, server } = await serveHttp(t, (_request, response) => {
        const answer = () =>
          response
            .setHeader('content-type', 'application/json')
            .end(JSON.stringify({ access_token: 'another', refresh_token: 'next', token_type: 'bearer', expires_in: 3_600 }))
        go = answer
        asked = true
      })
      let upgraded = 0
      server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
        upgraded++
        socket.on('error', () => {}).resume().once('end', () => { socket.end() })
        if (wait === 'another token') socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
        else {
          asked = true
          go = () => { accept(socket, request) }
        }
      })
      const clock = createClock()
      const running = await startGateway(t, { tenant: { origin: upstream }, clock })
      clock.aheadMs = wait === 'the token' ? 3_590_000 : wait === 'another token' ? 100_000 : 0
      const over: unknown[] = []
      running.signals.on('answered', (_request, _reply, aborted) => { over.push(aborted) })
      running.signals.on('socketClosed', ({ by }) => { over.push(by) })
      const refused: string[] = []
      running.signals.on('refused', code => { refused.push(code) })
      running.signals.on('tenantAnswered', (_asking, status) => { if (status === 0) refused.push('the tenant is called unreachable') })
      const client = ask(t, running)
      await until(() => asked)
      if (wait.startsWith('nothing')) go()
      if (leave === 'reset') client.resetAndDestroy()
      else client.resume().end()
      await until(() => over.length === 1)
      t.ok(over[0] === true || over[0] === 'client', title)
      go()
      await until(async () => await countConnections(running.app.server) === 0)
      await until(async () => await countConnections(server) === 0 || wait === 'the token')
      t.same(refused, [], `${title}: nobody is blamed`)
      t.equal(upgraded, wait === 'the token' ? 0 : 1, `${title}: and no more is asked of the tenant`)
    }
  }
})

t.test('what a client sends before the answer to its handshake is kept up to 64 KB, and more ends its connection', async t => {
  let received = 0
  const answers: (() => void)[] = []
  const { accepted, ...running } = await startBeforeRaw(t, (socket, request) => {
    socket.on('data', (chunk: Buffer) => { received += chunk.length }).once('end', () => { socket.end() })
    answers.push(() => { accept(socket, request) })
  })
  const eager = ask(t, running)
  await until(() => accepted.length === 1)
  eager.resume().write(Buffer.alloc(65_537))
  await until(() => accepted[0]?.destroyed === true)
  const bytesRead = countBytes(running.app.server)
  const patient = ask(t, running)
  await until(() => accepted.length === 2)
  patient.write(Buffer.alloc(65_536))
  await until(() => bytesRead() === patient.bytesWritten)
  answers[1]?.()
  await until(() => received === 65_536)
  t.equal(eager.bytesRead, 0, 'without an answer')
})

t.test('a refusal of any size reaches a client whole, and one that reads nothing of it does not hold its place', async t => {
  const page = Buffer.alloc(5_000_000, 'a page of a firewall ')
  const { origin: upstream, server } = await serveHttp(t, () => {})
  server.on('upgrade', (_request, socket: Socket) => {
    socket.on('error', () => {}).end(Buffer.concat([Buffer.from(`HTTP/1.1 403 Forbidden\r\nContent-Length: ${page.length}\r\n\r\n`), page]))
  })
  const running = await startGateway(t, { tenant: { origin: upstream }, settings: { MAX_SOCKETS: '2' } })
  const clients: Socket[] = []
  running.app.server.on('connection', socket => { clients.push(socket) })
  const deaf = ask(t, running).pause()
  const reader = ask(t, running)
  const chunks: Buffer[] = []
  reader.on('data', (chunk: Buffer) => { chunks.push(chunk) })
  await once(reader, 'end')
  const { answers: [answer], whole } = readAnswers(Buffer.concat(chunks))
  t.equal(whole, true)
  t.ok(answer?.status === 403 && page.equals(answer.body))
  await until(() => clients.filter(({ destroyed }) => !destroyed).length === 1)
  t.equal(clients.find(({ destroyed }) => !destroyed)?.timeout, 10_000, 'it is not left to the longer time of the tenant')
  await until(async () => await countConnections(running.app.server) === 0)
  t.notOk(deaf.readableEnded)
})
