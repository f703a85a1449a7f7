import fc from 'fast-check'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { Socket } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import t from 'tap'
import { createGate } from '../helpers/gate.js'
import { asScript, createClock, startGateway } from '../helpers/gateway.js'
import { cases, links, rewrite, untouched } from '../helpers/links.js'
import { until } from '../helpers/log.js'
import { startBeforeUpstream } from '../helpers/upstream.js'

t.test('bodies of every kind pass as they are', async t => {
  const bodies: { type: string | undefined, length: string | undefined, body: string }[] = []
  const { ask } = await startBeforeUpstream(t, (request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => { body += chunk.toString() })
    request.on('end', () => {
      bodies.push({
        type: request.headers['content-type'],
        length: request.headers['content-length'] ?? request.headers['transfer-encoding'],
        body
      })
      response.end()
    })
  })
  for (const type of ['application/json', 'text/plain', 'nonsense', 'application/json\t; x', 'multipart/form-data; boundary=x', '']) {
    await text(await ask('/api/x', { method: 'POST', body: '{"a": ', headers: { 'content-type': type } }))
    t.same(bodies.pop(), { type, length: '6', body: '{"a": ' }, type)
  }
  await text(await ask('/api/x', { method: 'PUT', body: 'x', headers: { 'transfer-encoding': 'chunked' } }))
  t.match(bodies.pop(), { body: 'x' })
  for (const method of ['POST', 'DELETE', 'PATCH']) await text(await ask('/api/x', { method, headers: { 'content-length': '0' } }))
  t.match(bodies, [{ body: '' }, { body: '' }, { body: '' }])
})

t.test('a cut answer of the tenant is not completed, rewritten or not', async t => {
  let type = 'text/plain'
  let cut = () => {}
  const { ask } = await startBeforeUpstream(t, (_request, response) => {
    response.writeHead(200, { 'content-type': type }).write('{"a":')
    cut = () => { response.destroy() }
  })
  for (type of ['text/plain', 'application/json']) {
    const answer = await ask('/api/x')
    cut()
    await t.rejects(buffer(answer), /aborted/, type)
  }
})

t.test('an answer that is cut is a 502 before anything was passed on and cut after that, never an error of the gateway', async t => {
  // The length is there, and what may be the beginning of an address waits for the rest.
  const begun = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: "x"\r\nContent-Length: 1000\r\n\r\n'
  const cuts: Record<string, (socket: Socket) => void> = {
    'with the end of what came': socket => { socket.end(`${begun}"http`) },
    'without any of the body': socket => { socket.end(begun) },
    'a turn later': socket => { socket.write(`${begun}"http`, () => setImmediate(() => { socket.end() })) },
    'by a reset': socket => { socket.write(`${begun}"http`, () => { socket.resetAndDestroy() }) }
  }
  let cut: (socket: Socket) => void
  const { ask } = await startBeforeUpstream(t, (_request, response) => { cut(response.socket as Socket) })
  for (const [name, how] of Object.entries(cuts)) {
    cut = how
    for (let time = 0; time < 5; time++) {
      const answer = await ask('/api/x')
      if (answer.statusCode === 200) {
        await t.rejects(text(answer), /aborted/, name)
      } else {
        t.equal(answer.statusCode, 502, name)
        t.match(await text(answer), 'GW-TENANT-UNREACHABLE')
        t.equal(answer.headers.etag, undefined, 'which has no headers of the answer')
      }
    }
  }
})

t.test('a client that leaves while its token is renewed is not forwarded for', async t => {
  const clock = createClock()
  const stage = await startGateway(t, { clock })
  const browser = await stage.signIn()
  clock.aheadMs = 6 * 3_600_000
  const left = createGate()
  stage.tenant.controls.addFault({ path: '/oauth/token', until: left.opened, times: 1 })
  const request = httpRequest(`${stage.origin}/api/v1/items`, { headers: { cookie: browser.cookies.header(new URL(stage.origin)) } })
  request.once('error', () => {})
  request.end()
  await until(() => stage.tenant.controls.log.under('/oauth/token').length === 2)
  const over = once(stage.signals, 'answered')
  request.destroy()
  await over
  left.open()
  await until(() => stage.tenant.controls.grants.refresh_token === 1)
  t.equal((await browser.fetch(`${stage.origin}/api/v1/spaces`, asScript())).status, 200, 'and its new token is not lost')
  t.equal(stage.tenant.controls.grants.refresh_token, 1)
  t.same(stage.tenant.controls.log.under('/api/v1/items'), [])
})

t.test('a client that leaves cancels the request to the tenant', async t => {
  const left: string[] = []
  const { origin, cookie, received } = await startBeforeUpstream(t, (request, response) => {
    response.once('close', () => left.push(request.url ?? ''))
    if (request.url === '/api/streaming') response.write('x')
  })
  for (const path of ['/api/waiting', '/api/streaming']) {
    const request = httpRequest(`${origin}${path}`, { headers: { cookie } })
    request.once('error', () => {})
    request.end()
    await until(() => received.some(({ url }) => url === path))
    request.destroy()
    await until(() => left.includes(path))
  }
  t.same(left, ['/api/waiting', '/api/streaming'])
})

t.test('only a few bytes wait for what follows', async t => {
  const stream = links.rewriteJson()
  let passed = 0
  stream.on('data', (chunk: Buffer) => { passed += chunk.length })
  stream.write(`"${'\\'.repeat(100_000)}`)
  await new Promise(setImmediate)
  t.ok(passed > 99_900, String(passed))
  stream.destroy()
})

t.test('any chunking of any JSON gives the same bytes as the whole', async t => {
  const piece = fc.constantFrom(
    ...cases.map(([given]) => given),
    ...untouched,
    '\\',
    '\\\\',
    '"',
    '\\"',
    ',',
    'https://tenant.eu.example',
    '\\/',
    'x'.repeat(200)
  )
  const text = fc.oneof(fc.array(piece, { maxLength: 8 }).map(pieces => pieces.join('')), fc.json())
  await fc.assert(fc.asyncProperty(text, fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 60 }), async (json, sizes) => {
    return await rewrite(json, sizes) === await rewrite(json)
  }), { numRuns: Number(process.env.FC_RUNS ?? 300) })
})
