import { request as httpRequest } from 'node:http'
import { buffer, text } from 'node:stream/consumers'
import t from 'tap'
import { startBeforeUpstream } from '../helpers/upstream.js'

t.test('bodies of every kind pass as they are', async t => {
  const bodies: { type: string | undefined, length: string | undefined, body: string }[] = []
  const { ask } = await startBeforeUpstream(t, (request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => { body += chunk.toString() })
    request.on('end', () => {
      bodies.push({ type: request.headers['content-type'], length: request.headers['content-length'] ?? request.headers['transfer-encoding'], body })
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
  const { ask } = await startBeforeUpstream(t, (_request, response) => {
    response.writeHead(200, { 'content-type': type }).write('{"a":')
    setTimeout(() => response.destroy(), 50)
  })
  for (type of ['text/plain', 'application/json']) {
    const answer = await ask('/api/x')
    await t.rejects(buffer(answer), /aborted/, type)
  }
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
    while (!received.some(({ url }) => url === path)) await new Promise(resolve => setTimeout(resolve, 10))
    request.destroy()
    while (!left.includes(path)) await new Promise(resolve => setTimeout(resolve, 10))
  }
  t.same(left, ['/api/waiting', '/api/streaming'])
})
