import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { openRaw } from '../helpers/raw.js'
import { serveHttp } from '../helpers/servers.js'

/** A gateway before an upstream that answers nothing, streams without an end, or takes sockets as bytes, by the path. */
async function setUp (t: Test) {
  const asked: { url: string, closed: boolean, socket: Socket, bytes: Buffer }[] = []
  const keep = (request: IncomingMessage, socket: Socket) => {
    const entry = { url: String(request.url), closed: false, socket, bytes: Buffer.alloc(0) }
    asked.push(entry)
    return entry
  }
  const { server, origin: upstream } = await serveHttp(t, (request, response) => {
    const entry = keep(request, request.socket)
    request.resume()
    response.once('close', () => { entry.closed = true })
    if (request.url === '/api/streams') {
      const timer = setInterval(() => { response.write('x'.repeat(1_000)) }, 5)
      response.once('close', () => { clearInterval(timer) })
    }
  })
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
    const entry = keep(request, socket)
    socket.on('error', () => {}).once('end', () => { socket.end() }).once('close', () => { entry.closed = true })
    socket.on('data', chunk => { entry.bytes = Buffer.concat([entry.bytes, chunk]) })
    if (request.url !== '/app/silent') {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n')
    }
  })
  const gateway = await startGateway(t, { tenant: { origin: upstream } })
  const own = `Host: x\r\nOrigin: ${gateway.origin}\r\nCookie: ${gateway.cookie}\r\n`
  const connections = async () =>
    await new Promise<number>((resolve, reject) => {
      gateway.app.server.getConnections((error, count) => {
        if (error === null) resolve(count)
        else reject(error)
      })
    })
  return { ...gateway, asked, own, connections }
}

const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
const text = Buffer.from('\x81\x85maskedhello', 'latin1').subarray(0, 11)

// CVE-2026-129500: a reset between the handshake and the 101 ended the process.
t.test('a client that leaves in any phase, by a reset or by half, leaves the process alive and nothing behind', async t => {
  const { origin, asked, own, connections } = await setUp(t)
  const phases: [title: string, bytes: string, tenantHears: boolean, answer: boolean][] = [
    ['before a byte', '', false, false],
    ['in the request line', 'GET /api', false, false],
    ['in the headers', `GET /api/x HTTP/1.1\r\n${own.slice(0, 80)}`, false, false],
    ['in the body', `POST /api/x HTTP/1.1\r\n${own}Content-Length: 10\r\n\r\nabc`, true, false],
    ['in a chunk', `POST /api/x HTTP/1.1\r\n${own}Transfer-Encoding: chunked\r\n\r\n5\r\nab`, true, false],
    ['while the tenant thinks about a call', `GET /api/x HTTP/1.1\r\n${own}\r\n`, true, false],
    ['while the tenant streams', `GET /api/streams HTTP/1.1\r\n${own}\r\n`, true, true],
    ['in the headers of an upgrade', `GET /app/x HTTP/1.1\r\n${own}Connection: Upgr`, false, false],
    ['while the tenant thinks about an upgrade', `GET /app/silent HTTP/1.1\r\n${own}${upgrade}\r\n`, true, false],
    ['right behind the upgrade', `GET /app/x HTTP/1.1\r\n${own}${upgrade}\r\n`, true, true],
    ['in the header of a frame', `GET /app/x HTTP/1.1\r\n${own}${upgrade}\r\n\x81`, true, true],
    ['in a frame', `GET /app/x HTTP/1.1\r\n${own}${upgrade}\r\n\x81\xfe\xff\xffmaskhello`, true, true]
  ]
  for (const [title, bytes, tenantHears, answer] of phases) {
    for (const leave of ['reset', 'half'] as const) {
      // Who only stops sending may still wait for an answer; the tenant has 30 seconds for it.
      if (leave === 'half' && title === 'while the tenant thinks about an upgrade') continue
      asked.length = 0
      const socket = await openRaw(t, origin)
      socket.write(bytes, 'latin1')
      if (tenantHears) await until(() => asked.length === 1)
      if (answer) await once(socket, 'data')
      if (leave === 'reset') socket.resetAndDestroy()
      else socket.resume().end()
      await until(async () => await connections() === 0).catch(() => { t.fail(`${title}, ${leave}: its connection stays`) })
      if (tenantHears) await until(() => asked[0]?.closed).catch(() => { t.fail(`${title}, ${leave}: the tenant is not told`) })
    }
  }
  t.equal((await fetch(`${origin}/healthz`)).status, 200)
})

t.test('frames that break the protocol or lie about their length pass as bytes, and cost no memory', async t => {
  const { origin, asked, own, connections } = await setUp(t)
  const frames: [title: string, bytes: Buffer][] = [
    ['a frame', text],
    ['one without a mask', Buffer.from('\x81\x05hello', 'latin1')],
    ['a length of 2^63', Buffer.from([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5])],
    ['a length of nearly 2^63', Buffer.from([0x82, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4, 5])],
    ['a length of 1 GB', Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4, 5])],
    ['a long form for a short length', Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5])],
    ['a reserved opcode', Buffer.from([0x83, 0x80, 1, 2, 3, 4])],
    ['reserved bits', Buffer.from([0xf1, 0x80, 1, 2, 3, 4])],
    ['a ping of more than 125 bytes', Buffer.concat([Buffer.from([0x89, 0xfe, 0, 200, 1, 2, 3, 4]), Buffer.alloc(200)])],
    ['a close of one byte', Buffer.from([0x88, 0x81, 1, 2, 3, 4, 5])],
    ['a continuation of nothing', Buffer.from([0x80, 0x80, 1, 2, 3, 4])],
    ['half a header', Buffer.from([0x82])]
  ]
  // What would be allocated for an announced length counts at once, whatever is collected. Connections take some 100 KB each.
  const before = process.memoryUsage().arrayBuffers
  let most = 0
  for (const [title, bytes] of frames) {
    asked.length = 0
    const socket = await openRaw(t, origin)
    socket.write(`GET /app/x HTTP/1.1\r\n${own}${upgrade}\r\n`)
    await once(socket, 'data')
    socket.write(bytes)
    await until(() => asked[0]?.bytes.length === bytes.length)
    t.same(asked[0]?.bytes, bytes, `${title} to the tenant`)
    asked[0]?.socket.write(bytes)
    const [back] = await once(socket, 'data') as [Buffer]
    t.same(back, bytes, `${title} to the browser`)
    most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    socket.resetAndDestroy()
    await until(() => asked[0]?.closed)
  }
  t.ok(most < 100_000_000, `${most} bytes`)
  await until(async () => await connections() === 0)
})
