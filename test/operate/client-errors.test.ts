import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { until } from '../helpers/log.js'
import { openRaw, parseRaw, sendRaw } from '../helpers/raw.js'
import { countBytes, countConnections } from '../helpers/servers.js'
import { startBeforeUpstream } from '../helpers/upstream.js'

t.test('what is no request is never written into the answer under way: it is answered after it', async t => {
  const open: ServerResponse[] = []
  const { app, origin, signals } = await startBeforeUpstream(t, (_request, response) => {
    response.writeHead(200, { 'content-length': '1000' }).write('x'.repeat(500))
    open.push(response)
  })
  const told: string[] = []
  signals.on('refused', code => told.push(code))
  const socket = await openRaw(t, origin)
  socket.write('GET /assets/x HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(socket, 'data')
  const rest = text(socket)
  const noticed = once(app.server, 'clientError').catch(() => {})
  socket.write('no request\r\n\r\n')
  await noticed
  open[0]?.end('y'.repeat(500))
  const [answer = '', error = ''] = (await rest).split('HTTP/1.1 400')
  t.ok(answer.endsWith('y'.repeat(500)))
  t.match(error, 'GW-BAD-REQUEST')
  t.same(told, ['GW-BAD-REQUEST'])
})

t.test('a client that goes on with what is no request costs nothing, and many requests on one connection no warning', async t => {
  const warnings: Error[] = []
  const onWarning = (warning: Error) => { warnings.push(warning) }
  process.on('warning', onWarning)
  t.teardown(() => { process.off('warning', onWarning) })
  const { app, origin } = await startBeforeUpstream(t, () => {})
  const socket = await openRaw(t, origin)
  socket.setNoDelay().write('GET /assets/x HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(30))
  for (let count = 0; count < 30; count++) {
    const noticed = new Promise(resolve => { app.server.once('clientError', resolve) })
    socket.write('no request\r\n\r\n')
    await noticed
  }
  socket.destroy()
  await until(async () => await countConnections(app.server) === 0)
  t.same(warnings, [])
})

t.test('an answer to a request that cannot be read to its end is cut once it has begun, and replaced before', async t => {
  const { origin, cookie } = await startBeforeUpstream(t, (request, response) => {
    if (request.url === '/api/begun') response.write('begun')
  })
  const post = (path: string) =>
    `POST ${path} HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\nCookie: ${cookie}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n`
  const begun = await openRaw(t, origin)
  begun.write(post('/api/begun'))
  await once(begun, 'data')
  const rest = text(begun)
  begun.write('no chunk\r\n')
  t.notMatch(await rest, '400')
  t.equal((await sendRaw(t, origin, `${post('/api/waits')}no chunk\r\n`)).status, 400)
})

t.test('a request that was answered before its body had come is not answered again for what its body is', async t => {
  const { origin } = await startBeforeUpstream(t, (_request, response) => { response.end() })
  for (const rest of ['no chunk\r\n', '']) {
    const client = await openRaw(t, origin)
    const answers = text(client)
    client.write('POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n')
    await once(client, 'data')
    client.end(rest)
    t.same((await answers).match(/(?<=HTTP\/1.1 )\d+/g), ['401'])
  }
})

t.test('an address that is too long is told so, and headers that are too many what they are', async t => {
  const { app, origin } = await startBeforeUpstream(
    t, (_request, response) => { response.end() }, { settings: { MAX_HEADER_BYTES: '8192' } }
  )
  const codeOf = async (bytes: string) => {
    const { status, body } = await sendRaw(t, origin, bytes)
    return [status, (JSON.parse(body) as { errors: [{ code: string }] }).errors[0].code]
  }
  t.same(await codeOf(`GET /assets/${'x'.repeat(9_000)} HTTP/1.1\r\nHost: x\r\n\r\n`), [414, 'GW-URL-TOO-LONG'])
  t.same(await codeOf(`GET /assets/x HTTP/1.1\r\nHost: x\r\nCookie: ${'x'.repeat(9_000)}\r\n\r\n`), [431, 'GW-TOO-MANY-COOKIES'])
  const inPieces = async (...pieces: string[]) => {
    const bytesRead = countBytes(app.server)
    const socket = await openRaw(t, origin)
    const answer = text(socket)
    for (const piece of pieces) {
      socket.write(piece)
      await until(() => bytesRead() === socket.bytesWritten)
    }
    return parseRaw(await answer).status
  }
  const cookies = 'name=value; '.repeat(500)
  t.equal(await inPieces(`GET /assets/${'x'.repeat(3_000)}`, 'x'.repeat(6_000)), 414)
  t.equal(await inPieces(`GET /assets/${'x'.repeat(6_000)}`, `${'x'.repeat(3_000)} HTTP/1.1\r\nHost: x\r\n\r\n`), 414)
  t.equal(await inPieces(`GET /assets/x HTTP/1.1\r\nHost: x\r\nCookie: ${cookies}`, `${cookies}\r\n\r\n`), 431)
})

t.test('two Host headers are refused, and what Node finds before is', async t => {
  const { origin, received } = await startBeforeUpstream(t, (_request, response) => { response.end() })
  t.equal((await sendRaw(t, origin, 'GET /assets/x HTTP/1.1\r\nHost: x\r\nhost: y\r\nConnection: close\r\n\r\n')).status, 400)
  t.same(received, [])
})

t.test('a client that asks before it sends a body is told to go on when the tenant is asked, and not before a refusal', async t => {
  const { origin, cookie } = await startBeforeUpstream(t, (request, response) => {
    request.resume().on('end', () => { response.end('done') })
  })
  const put = (path: string, more: string) =>
    `PUT ${path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 2\r\n${more}\r\n`
  const refused = await sendRaw(t, origin, put('/api/x', 'Sec-Fetch-Site: same-origin\r\n'))
  t.equal(refused.status, 401)
  t.match(refused.head, /^connection: close$/im, 'what comes next could be read as the body')
  const socket = await openRaw(t, origin)
  socket.write(put('/api/x', `Sec-Fetch-Site: same-origin\r\nConnection: close\r\nCookie: ${cookie}\r\n`))
  const [first] = await once(socket, 'data') as [Buffer]
  t.equal(first.toString(), 'HTTP/1.1 100 Continue\r\n\r\n')
  const rest = text(socket)
  socket.write('{}')
  t.equal(parseRaw(await rest).status, 200)
  const own = await openRaw(t, origin)
  own.write(put('/gateway/handover', `Origin: ${origin}\r\n`).replace('PUT', 'POST'))
  t.match(String((await once(own, 'data') as [Buffer])[0]), /^HTTP\/1.1 100 /, 'the gateway\'s own routes want theirs')
})

t.test('methods that are not forwarded are 405 and named, where others are forwarded', async t => {
  const { origin } = await startBeforeUpstream(t, (_request, response) => { response.end() })
  const ask = async (path: string) => await sendRaw(t, origin, `PROPFIND ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  t.match(await ask('/api/x'), { status: 405, head: /^allow: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT$/im })
  t.match(await ask('/assets/x'), { status: 405, head: /^allow: GET, HEAD$/im })
  t.equal((await ask('/nowhere')).status, 404)
})

t.test('idle connections of clients stay open for longer than balancers keep them', async t => {
  const { app } = await startBeforeUpstream(t, (_request, response) => { response.end() })
  t.equal(app.server.keepAliveTimeout, 620_000)
  const short = await startBeforeUpstream(t, (_request, response) => { response.end() }, { settings: { KEEP_ALIVE_SECONDS: '90' } })
  t.equal(short.app.server.keepAliveTimeout, 90_000)
})
