import t, { type Test } from 'tap'
import { WebSocketServer } from 'ws'
import { text } from 'node:stream/consumers'
import { startGateway } from '../helpers/gateway.js'
import { openRaw, parseRaw } from '../helpers/raw.js'
import { serveHttp } from '../helpers/servers.js'

/** A gateway before an upstream that keeps every request it gets, with its body. */
async function setUp (t: Test) {
  const received: string[] = []
  const { server, origin: upstream } = await serveHttp(t, (request, response) => {
    text(request).then(body => {
      received.push(`${request.method} ${request.url} ${body}`)
      response.end('ok')
    }, () => { received.push('a request that ended early') })
  })
  const engine = new WebSocketServer({ server })
  engine.on('connection', client => { client.on('error', () => {}) })
  t.teardown(() => { for (const client of engine.clients) client.terminate() })
  const gateway = await startGateway(t, { tenant: { origin: upstream } })
  const own = `Host: x\r\nOrigin: ${gateway.origin}\r\nCookie: ${gateway.cookie}\r\n`
  return { ...gateway, received, engine, own }
}

const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
const smuggled = 'GET /api/smuggled HTTP/1.1\r\nHost: x\r\n\r\n'

// What two readers could take for requests of different lengths: headers and the body that comes with them.
const ambiguous: [title: string, headers: string, body: string][] = [
  ['two lengths', 'Content-Length: 4\r\nContent-Length: 5\r\n', 'abcde'],
  ['one length twice', 'Content-Length: 4\r\nContent-Length: 4\r\n', 'abcd'],
  ['a list of lengths', 'Content-Length: 4, 4\r\n', 'abcd'],
  ['a length with a sign', 'Content-Length: +4\r\n', 'abcd'],
  ['a negative length', 'Content-Length: -1\r\n', ''],
  ['a length in hexadecimal', 'Content-Length: 0x4\r\n', 'abcd'],
  ['a length of white space within', 'Content-Length: 1 1\r\n', 'a'],
  ['a length beyond all numbers', 'Content-Length: 99999999999999999999\r\n', ''],
  ['a length and a coding', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'],
  ['a coding and a length', 'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'],
  ['a coding behind chunked', 'Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n'],
  ['another coding alone', 'Transfer-Encoding: identity\r\n', '0\r\n\r\n'],
  ['a coding that looks like chunked', 'Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'],
  ['chunked in two headers, one of them none', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n', '0\r\n\r\n'],
  ['a coding behind a vertical tab', 'Transfer-Encoding:\u000bchunked\r\n', '0\r\n\r\n'],
  ['a space before the colon', 'Transfer-Encoding : chunked\r\n', '0\r\n\r\n'],
  ['a folded header', 'X-One: a\r\n b\r\n', ''],
  ['a folded length', 'Content-Length:\r\n 4\r\n', 'abcd'],
  ['a folded first header', ' X-One: a\r\n', ''],
  ['a bare LF between headers', 'X-One: a\nX-Two: b\r\n', ''],
  ['a bare LF before a coding', 'X-One: a\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'],
  ['a bare CR in a value', 'X-One: a\rTransfer-Encoding: chunked\r\n', '0\r\n\r\n'],
  ['a NUL in a value', 'X-One: a\u0000b\r\n', ''],
  ['a NUL in a name', 'X-\u0000One: a\r\n', ''],
  ['a name that is none', 'X One: a\r\n', ''],
  ['no name', ': a\r\n', ''],
  ['a chunk size that is none', 'Transfer-Encoding: chunked\r\n', 'zz\r\na\r\n0\r\n\r\n'],
  ['a chunk size with a sign', 'Transfer-Encoding: chunked\r\n', '+1\r\na\r\n0\r\n\r\n'],
  ['a chunk size in 0x form', 'Transfer-Encoding: chunked\r\n', '0x1\r\na\r\n0\r\n\r\n'],
  ['a chunk size beyond all numbers', 'Transfer-Encoding: chunked\r\n', 'fffffffffffffffff\r\na\r\n'],
  ['a chunk that ends by a bare LF', 'Transfer-Encoding: chunked\r\n', '1\na\n0\n\n'],
  ['a chunk longer than its size', 'Transfer-Encoding: chunked\r\n', '1\r\nabc\r\n0\r\n\r\n'],
  ['a chunk extension that holds a bare LF', 'Transfer-Encoding: chunked\r\n', '1;a\nb\r\na\r\n0\r\n\r\n'],
  ['chunk extensions of many kilobytes', 'Transfer-Encoding: chunked\r\n', `1;${'a'.repeat(20_000)}\r\na\r\n0\r\n\r\n`]
]

t.test('a message whose end can be read in two ways is refused, its connection is closed and what stands behind it is ' +
  'no request', async t => {
  const { origin, received, own } = await setUp(t)
  for (const [title, headers, body] of ambiguous) {
    const socket = await openRaw(t, origin)
    socket.write(`POST /api/x HTTP/1.1\r\n${own}${headers}\r\n${body}${smuggled}`, 'latin1')
    t.match(
      await text(socket),
      /^HTTP\/1\.1 (?:400|413) (?:(?!HTTP\/1\.1|\r\n\r\n)[^])*\r\nconnection: close\r\n(?:(?!HTTP\/1\.1)[^])*$/i,
      `${title}: one answer, the last of its connection`
    )
  }
  t.notMatch(received.join('\n'), 'smuggled')
  t.notMatch(received.join('\n'), 'POST /api/x', 'and nothing of them is a whole request to the tenant')
})

t.test('the same holds for an upgrade, which has no body and nobody to send on what stands behind it', async t => {
  const { origin, received, engine, own } = await setUp(t)
  const withoutBodies = ambiguous.filter(([, , body]) => body === '' || body.startsWith('0') || body.startsWith('abcd'))
  for (const [title, headers, body] of withoutBodies) {
    const socket = await openRaw(t, origin)
    socket.write(`GET /app/x HTTP/1.1\r\n${own}${upgrade}${headers}\r\n${body}${smuggled}`, 'latin1')
    t.match(parseRaw(await text(socket)), { status: 400, head: /^connection: close$/im }, title)
  }
  for (const [title, headers, body] of [['a length', 'Content-Length: 4\r\n', 'abcd'], [
    'a coding', 'Transfer-Encoding: chunked\r\n', '0\r\n\r\n'
  ]] as const) {
    const socket = await openRaw(t, origin)
    socket.write(`GET /app/x HTTP/1.1\r\n${own}${upgrade}${headers}\r\n${body}${smuggled}`)
    t.equal(parseRaw(await text(socket)).status, 400, `${title} on an upgrade`)
  }
  t.equal(engine.clients.size, 0)
  t.same(received, [])
})

t.test('requests that are pipelined are answered in order, and behind an upgrade there are no requests any more', async t => {
  const { origin, received, engine, own } = await setUp(t)
  const piped = await openRaw(t, origin)
  piped.write(
    `GET /api/1 HTTP/1.1\r\n${own}\r\nPOST /api/2 HTTP/1.1\r\n${own}Content-Length: 2\r\n\r\n` +
    `hiGET /api/3 HTTP/1.1\r\n${own}Connection: close\r\n\r\n`
  )
  t.equal((await text(piped)).split('HTTP/1.1 200').length, 4)
  t.same(received, ['GET /api/1 ', 'POST /api/2 hi', 'GET /api/3 '])
  received.length = 0
  const socket = await openRaw(t, origin)
  socket.write(`GET /app/x HTTP/1.1\r\n${own}${upgrade}\r\n${smuggled}`)
  // To the engine they are a frame that breaks the protocol, and it says so.
  t.match(await text(socket), /^HTTP\/1.1 101 /)
  const refused = await openRaw(t, origin)
  refused.write(`GET /app/x HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n${smuggled}`)
  const answers = await text(refused)
  t.match(answers, /^HTTP\/1.1 (?:401|403) /)
  t.equal(answers.split('HTTP/1.1 ').length, 2, 'a refused upgrade ends its connection')
  t.same(received, [])
  t.equal(engine.clients.size, 0)
})
