import fastify from 'fastify'
import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { readConfig } from '../../src/settings/config.js'
import { gateway } from '../../src/gateway.js'
import type { SignalMap } from '../../src/signals.js'
import { readAnswers } from '../helpers/answers.js'
import { accept, hello } from '../helpers/engine-sockets.js'
import { createClock, settingsFor, startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { reservePort } from '../helpers/ports.js'
import { openRaw } from '../helpers/raw.js'
import { countBytes, countConnections, serveHttp } from '../helpers/servers.js'

const handshake =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
const large = Buffer.alloc(3_000_000, 'large ')

/** A gateway before a tenant that answers late, or when told to, and takes sockets with a frame. */
async function setUp (t: Test) {
  const held: (() => void)[] = []
  const { server, origin: upstream } = await serveHttp(t, (request, response) => {
    const answer = () => { response.end(request.url === '/assets/large' ? large : `the answer to ${request.url}`) }
    if (request.url?.endsWith('/held') === true || request.url === '/oauth/token') held.push(answer)
    else setTimeout(answer, 50)
  })
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
    t.teardown(() => { socket.destroy() })
    accept(socket.on('error', () => {}), request, hello)
  })
  const clock = createClock()
  const running = await startGateway(t, { tenant: { origin: upstream }, clock })
  const own = `Host: x\r\nOrigin: ${running.origin}\r\nCookie: ${running.cookie}\r\n`
  return { ...running, clock, held, own }
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`

t.test('an upgrade behind other requests of its connection waits until their answers are out, whole and in order', async t => {
  const { origin, own } = await setUp(t)
  for (const paths of [['/assets/one'], ['/assets/one', '/assets/large', '/assets/two', '/healthz']]) {
    const earlier = paths.map(get).join('')
    const expected = paths.map(path =>
      path === '/assets/large' ? large.length : path === '/healthz' ? '{"status":"ok"}' : `the answer to ${path}`
    )
    const summary = (bytes: Buffer) =>
      readAnswers(bytes).answers.map(({ status, body }) => [status, body.length === large.length ? body.length : body.toString()])

    const signedOut = await openRaw(t, origin)
    signedOut.write(`${earlier}GET /app/x HTTP/1.1\r\nHost: x\r\nOrigin: ${origin}\r\n${handshake}\r\n${get('/healthz')}`)
    t.match(summary(await buffer(signedOut)), [...expected.map(body => [200, body]), [401, /GW-NO-SESSION/]], 'and is refused')

    const signedIn = await openRaw(t, origin)
    const chunks: Buffer[] = []
    signedIn.on('data', (chunk: Buffer) => { chunks.push(chunk) })
    signedIn.write(`${earlier}GET /app/x HTTP/1.1\r\n${own}${handshake}\r\n`)
    await until(() => Buffer.concat(chunks).includes('101 Switching') && Buffer.concat(chunks).subarray(-5).toString() === 'hello')
    t.match(summary(Buffer.concat(chunks)), [...expected.map(body => [200, body]), [101, hello.toString()]], 'and is served')
    signedIn.destroy()
  }
})

t.test('a client that leaves while its requests wait for one another leaves nothing behind', async t => {
  const { app, origin, signals, own, held } = await setUp(t)
  for (const last of [get('/healthz'), `GET /app/x HTTP/1.1\r\n${own}${handshake}\r\n`]) {
    for (const leave of ['reset', 'half'] as const) {
      let begun = 0
      const over: boolean[] = []
      const onBegun = () => { begun++ }
      signals.on('received', onBegun)
      signals.on('answered', (_request, _reply, aborted) => { over.push(aborted) })
      held.length = 0
      const taken = once(app.server, 'connection') as Promise<[Socket]>
      const client = await openRaw(t, origin)
      const [connection] = await taken
      client.write(get('/assets/held') + get('/assets/held') + get('/assets/held') + last)
      await until(() => held.length === 3)
      if (leave === 'reset') client.resetAndDestroy()
      else client.resume().end()
      await until(() => connection.destroyed || connection.readableEnded)
      for (const answer of held) answer()
      await until(async () => await countConnections(app.server) === 0)
      await until(() => over.length === begun)
      if (leave === 'reset') t.same(new Set(over), new Set([true]), 'every request is over')
      signals.removeAllListeners('received')
      signals.removeAllListeners('answered')
    }
  }
})

// RFC 9110, section 7.8. Java's HttpClient and `curl --http2` ask for it with their first request.
t.test('a client whose upgrade comes in one piece with a body before it is heard, and noticed when it leaves', async t => {
  const { app, origin, signals, clock, own, held } = await setUp(t)
  // More than Node reads ahead of who takes the body: for that it stops reading the connection, in the middle of this piece.
  const body = Buffer.alloc(20_000)
  for (const leaves of [false, true]) {
    // Nobody takes the body as long as the token is asked for.
    if (leaves) clock.aheadMs = 3_590_000
    const over = once(signals, 'answered') as Promise<SignalMap['answered']>
    const client = await openRaw(t, origin)
    const piece = `POST /api/x HTTP/1.1\r\n${own}Content-Length: ${body.length}\r\n\r\n` +
      `${body.toString()}GET /app/x HTTP/1.1\r\n${own}${handshake}\r\n`
    client.write(piece)
    if (leaves) await until(() => held.length === 1)
    client.resume().end()
    const [, , hasLeft] = await over
    if (leaves) t.equal(hasLeft, true, 'before there is a token')
    await until(async () => await countConnections(app.server) === 0)
  }
})

t.test('an upgrade to anything but a WebSocket is as if it were not asked for, on every route, with its body', async t => {
  const { origin: upstream } = await serveHttp(t, (request, response) => { response.end(`no upgrade: ${String(request.headers.upgrade)}`) })
  const { gateway: options } = readConfig(settingsFor({ origin: upstream, client: { id: 'id', secret: 'secret' } }, await reservePort()))
  const app = fastify()
  let answered = 0
  app.addHook('onResponse', async () => { answered++ })
  app.addContentTypeParser('*', (_request, payload, done) => { buffer(payload).then(body => { done(null, body) }, done) })
  app.post('/host', async request => `${request.headers.connection}: ${(request.body as Buffer).length} bytes`)
  app.get('/last', async (_request, reply) => {
    await wait(50)
    return reply.header('connection', 'close').send('last')
  })
  await app.register(gateway, options)
  await app.register(gateway, { ...options, publicUrl: new URL('/qlik/', options.publicUrl) })
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(async () => { await app.close() })
  const origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`

  const h2c = (connection: string) => `Host: x\r\nConnection: ${connection}\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQBAAAAAAIAAAAA\r\n`
  const bytesRead = countBytes(app.server)
  const client = await openRaw(t, origin)
  const answers = buffer(client)
  const inOnePiece = async (piece: string) => {
    client.write(piece)
    await until(() => bytesRead() === client.bytesWritten)
  }
  await inOnePiece(
    `GET /qlik/assets/one HTTP/1.1\r\n${h2c('Upgrade, HTTP2-Settings')}\r\n` +
    `POST /host HTTP/1.1\r\n${h2c('Upgrade, keep-alive, HTTP2-Settings')}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`
  )
  await inOnePiece('6\r\n world\r\n0\r\n\r\n')
  // Of what comes before earlier answers, 64 KB are kept, and more ends the connection.
  await until(() => answered === 2)
  client.write(`POST /host HTTP/1.1\r\n${h2c('Upgrade, HTTP2-Settings')}Content-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`)
  client.write(`GET /assets/two HTTP/1.1\r\nHost: x\r\n\r\nGET /gateway/check HTTP/1.1\r\n${h2c('close, Upgrade')}\r\n`)
  t.match(readAnswers(await answers).answers.map(({ status, body }) => [status, body.toString()]), [
    [200, 'no upgrade: undefined'],
    [200, 'keep-alive: 11 bytes'],
    [200, ': 100000 bytes'],
    [200, 'no upgrade: undefined'],
    [401, '']
  ])

  const closed = await openRaw(t, origin)
  closed.write(`GET /last HTTP/1.1\r\nHost: x\r\n\r\nGET /app/x HTTP/1.1\r\nHost: x\r\n${handshake}\r\n`)
  t.match(
    readAnswers(await buffer(closed)).answers.map(({ body }) => body.toString()),
    ['last'],
    'and none is served behind an answer that closes the connection'
  )
})

t.test('a connection on which every request asks for HTTP/2 is kept, and costs no more with each', async t => {
  const { origin } = await setUp(t)
  const warnings: Error[] = []
  const note = (warning: Error) => { warnings.push(warning) }
  process.on('warning', note)
  t.teardown(() => { process.off('warning', note) })
  const client = await openRaw(t, origin)
  const answers = buffer(client)
  const h2c = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\n'
  client.write(`GET /healthz HTTP/1.1\r\nHost: x\r\n${h2c}\r\n`.repeat(30))
  client.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  t.equal(readAnswers(await answers).answers.length, 31)
  t.same(warnings, [])
})

t.test('no upgrade goes on in the async context of one before: it would keep that in memory, and be taken for it', async t => {
  const { origin, own, signals } = await setUp(t)
  const context = new AsyncLocalStorage<string>()
  const found: (string | undefined)[] = []
  signals.on('received', ({ id }) => {
    found.push(context.getStore())
    context.enterWith(id)
  })
  for (let opened = 1; opened <= 3; opened++) {
    const socket = await openRaw(t, origin)
    socket.write(`GET /app/x HTTP/1.1\r\n${own}${handshake}\r\n`)
    await once(socket, 'data')
  }
  t.same(found, [undefined, undefined, undefined])
})
