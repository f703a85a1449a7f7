import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { buffer, text } from 'node:stream/consumers'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { until } from '../helpers/log.js'
import { stopMonotonic } from '../helpers/monotonic.js'
import { startBeforeUpstream } from '../helpers/upstream.js'

const json = 'application/json'

t.test('the headers of an answer leave when they come, and each piece of its body too', async t => {
  let open: ServerResponse | undefined
  const { ask } = await startBeforeUpstream(t, (request, response) => {
    response.writeHead(200, { 'content-type': request.url === '/api/json' ? json : 'text/event-stream' }).flushHeaders()
    if (request.url !== '/api/v1/tenants/me') open = response
    else response.end()
  })
  for (const path of ['/api/events', '/api/json', '/assets/events']) {
    const answer = await ask(path)
    t.equal(answer.statusCode, 200, path)
    for (const piece of ['{"n":1}\n', '{"n":2}\n']) {
      open?.write(piece)
      const [received] = await once(answer, 'data') as [Buffer]
      t.equal(received.toString(), piece, path)
    }
    open?.end()
    t.equal(await text(answer), '')
  }
})

t.test('an answer whose headers were sent ahead carries what hooks add, such as the cookie of a renewed session', async t => {
  let clock = Date.now()
  const { ask } = await startBeforeUpstream(t, (request, response) => {
    if (request.url === '/oauth/token') {
      const tokens = { access_token: 'another', token_type: 'bearer', expires_in: 3600, refresh_token: 'next' }
      response.setHeader('content-type', json).end(JSON.stringify(tokens))
    } else {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    }
  }, { clock: { now: () => clock } })
  clock += 7 * 3_600_000
  const answer = await ask('/api/events')
  t.match(answer.headers['set-cookie']?.join(), 'qlik-session')
  answer.destroy()
})

t.test('JSON without a body goes on as it came, whatever its coding', async t => {
  let answer: RequestListener = () => {}
  const { ask } = await startBeforeUpstream(t, (request, response) => { answer(request, response) })
  const headers = { 'content-type': json, 'content-encoding': 'gzip' }
  for (const [status, more] of [[304, {}], [204, {}], [200, { 'content-length': '0' }], [202, { 'content-length': '0' }]] as const) {
    answer = (_request, response) => { response.writeHead(status, { ...headers, ...more }).end() }
    const given = await ask('/api/x')
    t.equal(given.statusCode, status)
    t.equal(await text(given), '')
  }
  answer = (_request, response) => { response.writeHead(200, { ...headers, 'content-length': '100' }).end() }
  t.equal((await ask('/api/x', { method: 'HEAD' })).statusCode, 200)
  for (const coding of ['gzip', 'deflate', 'br', 'identity']) {
    let end = (): void => {}
    answer = (_request, response) => {
      response.writeHead(200, { ...headers, 'content-encoding': coding }).flushHeaders()
      end = () => { response.end() }
    }
    const given = await ask('/api/x')
    t.equal(given.statusCode, 200, coding)
    end()
    t.equal(await text(given), '', coding)
  }
})

t.test('JSON that is not of its coding is the tenant\'s fault', async t => {
  let body = Buffer.alloc(0)
  let coding = ''
  const { ask, signals } = await startBeforeUpstream(t, (_request, response) => {
    response.writeHead(200, { 'content-type': json, 'content-encoding': coding, etag: '"1"' }).end(body)
  })
  const told: string[] = []
  signals.on('refused', code => told.push(code))
  for (coding of ['gzip', 'deflate', 'br']) {
    body = Buffer.from('nonsense')
    const answer = await ask('/api/x')
    t.equal(answer.statusCode, 502, coding)
    t.match(await text(answer), 'GW-TENANT-ANSWER', coding)
    t.equal(answer.headers.etag, undefined)
  }
  t.same(told, ['GW-TENANT-ANSWER', 'GW-TENANT-ANSWER', 'GW-TENANT-ANSWER'])
})

t.test('a body in pieces is opened and rewritten as it comes', async t => {
  const { ask, upstream, origin } = await startBeforeUpstream(t, (request, response) => {
    const encodings: Record<string, (text: string) => Buffer> = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync }
    const encode = encodings[request.url?.slice(5) ?? '']
    const bytes = encode?.(JSON.stringify({ href: `${upstream.origin}/api/v1/items` })) ?? Buffer.from('{}')
    response.writeHead(200, { 'content-type': json, 'content-encoding': request.url?.slice(5) })
    response.write(bytes.subarray(0, 20))
    setImmediate(() => { response.end(bytes.subarray(20)) })
  })
  for (const coding of ['gzip', 'deflate', 'br']) {
    t.same(JSON.parse(await text(await ask(`/api/${coding}`))), { href: `${origin}/api/v1/items` }, coding)
  }
})

t.test('a body that was changed has no digest, date or strong validator of the tenant\'s', async t => {
  let body = ''
  let end = (response: ServerResponse) => { response.end(body) }
  const { ask, upstream } = await startBeforeUpstream(t, (_request, response) => {
    response.writeHead(200, {
      'content-type': json,
      etag: '"1"',
      'last-modified': 'Wed, 21 Oct 2015 07:28:00 GMT',
      digest: 'x',
      'content-digest': 'x',
      'repr-digest': 'x',
      'content-md5': 'x'
    })
    end(response)
  })
  const changed = async (method = 'GET') => {
    const { headers } = await ask('/api/x', { method })
    t.match(headers.etag, /^W\/"gw-[\w-]{8}-s-1"$/)
    for (const name of ['last-modified', 'digest', 'content-digest', 'repr-digest', 'content-md5']) t.equal(headers[name], undefined, name)
  }
  body = JSON.stringify({ href: upstream.origin })
  await changed()
  await changed('HEAD')
  end = response => {
    response.flushHeaders()
    setImmediate(() => { response.end(body) })
  }
  await changed()
  end = response => { response.end('{}') }
  const { headers } = await ask('/api/x')
  t.match(headers, { etag: /^W\/"gw-/, 'content-digest': 'x' }, 'one that could be changed keeps what is true of its bytes')
  const other = await ask('/sense/x')
  t.match(other.headers, { etag: '"1"', 'last-modified': String, digest: 'x' }, 'where nothing is rewritten they stay')
})

t.test('a 304 revives no body that was written for other hostnames, and what is saved is compared by the tenant\'s own tag', async t => {
  let hostnames = ['one.example']
  let clock = Date.now()
  const monotonic = stopMonotonic(t)
  const { ask, received } = await startBeforeUpstream(t, (request, response) => {
    if (request.url === '/api/v1/tenants/me') {
      response.setHeader('content-type', json).end(JSON.stringify({ hostnames }))
    } else if (request.url === '/oauth/token') {
      response
        .setHeader('content-type', json)
        .end('{"access_token":"another","token_type":"bearer","expires_in":36000,"refresh_token":"next"}')
    } else if (request.headers['if-none-match']?.includes('"1"') === true) {
      response.writeHead(304, { etag: '"1"', 'last-modified': 'Wed, 21 Oct 2015 07:28:00 GMT' }).end()
    } else {
      response
        .writeHead(200, { 'content-type': json, etag: request.url === '/api/weak' ? 'W/"1"' : '"1"' })
        .end(`{"href":"http://alias.example:${request.socket.localPort}/x"}`)
    }
  }, { clock: { now: () => clock } })
  const upstreamHeaders = () => received.filter(({ url }) => url === '/api/x').at(-1)?.headers
  await ask('/api/x')
  await until(async () => received.some(({ url }) => url === '/api/v1/tenants/me') && (await ask('/api/x')).headers.etag !== undefined)
  const { etag = '' } = (await ask('/api/x')).headers
  const again = await ask('/api/x', { headers: { 'if-none-match': `"2", ${etag}` } })
  t.equal(again.statusCode, 304)
  t.equal(upstreamHeaders()?.['if-none-match'], '"2", "1"')
  t.equal(again.headers.etag, etag, 'a 304 names the body by the tag that it has in the browser')
  t.equal(again.headers['last-modified'], undefined)
  const weak = (await ask('/api/weak')).headers.etag ?? ''
  t.match(weak, /^W\/"gw-[\w-]{8}-w-1"$/)
  await ask('/api/x', { method: 'PUT', headers: { 'if-match': `${weak}, ${etag}` } })
  t.equal(upstreamHeaders()?.['if-match'], 'W/"1", "1"')
  await ask('/api/x', { headers: { 'if-range': etag, range: 'bytes=1-' } })
  t.match(upstreamHeaders(), { 'if-range': undefined, range: undefined })
  await ask('/api/x', { headers: { 'if-range': '"2"', range: 'bytes=1-' } })
  t.match(upstreamHeaders(), { 'if-range': '"2"', range: 'bytes=1-' })
  const plain = await ask('/api/x', { headers: { 'if-none-match': '"1"' } })
  t.match(plain.headers, { etag: '"1"', 'last-modified': String }, 'a tag that is the tenant\'s stays it')
  hostnames = ['alias.example']
  clock += 3_600_001
  monotonic.ms += 3_600_001
  await ask('/api/x')
  await until(async () => (await ask('/api/x')).headers.etag !== etag)
  const renewed = await ask('/api/x', { headers: { 'if-none-match': etag } })
  t.equal(renewed.statusCode, 200)
  t.equal(upstreamHeaders()?.['if-none-match'], undefined)
  t.notMatch(await text(renewed), 'alias.example')
  await ask('/api/x', { method: 'PUT', headers: { 'if-match': etag } })
  t.equal(upstreamHeaders()?.['if-match'], '"1"', 'and a save is still compared: the document is the same')
})

t.test('an answer of the API that says nothing of caches is kept by none', async t => {
  const { ask } = await startBeforeUpstream(t, (request, response) => {
    if (request.url?.endsWith('says') === true) response.setHeader('cache-control', 'max-age=60')
    response.end('x')
  })
  t.equal((await ask('/api/x')).headers['cache-control'], 'private, no-store')
  t.equal((await ask('/api/says')).headers['cache-control'], 'max-age=60')
  t.equal((await ask('/sense/x')).headers['cache-control'], undefined)
})

t.test('what is saved through the gateway reaches the tenant with its own addresses, and an honest length', async t => {
  const bodies: { headers: IncomingMessage['headers'], body: string }[] = []
  const { ask, origin, upstream } = await startBeforeUpstream(t, (request, response) => {
    buffer(request).then(body => {
      bodies.push({ headers: request.headers, body: body.toString('latin1') })
      response.end()
    }).catch(() => {})
  })
  const given = JSON.stringify({ redirectUris: [`${origin}/login/callback`], text: `see ${origin}` })
  const stored = JSON.stringify({ redirectUris: [`${upstream.origin}/login/callback`], text: `see ${origin}` })
  const save = async (body: string | Buffer, headers: Record<string, string> = {}, path = '/api/x') => {
    await text(await ask(path, { method: 'PUT', body, headers: { 'content-type': json, 'content-digest': 'x', ...headers } }))
    return bodies.pop()
  }
  t.match(await save(given), { body: stored, headers: { 'content-length': String(stored.length), 'content-digest': undefined } })
  t.match(await save('{}'), { body: '{}', headers: { 'content-length': '2', 'content-digest': 'x' } })
  t.match(
    await save(given, { 'transfer-encoding': 'chunked' }),
    { body: stored, headers: { 'content-digest': undefined } },
    'without a length too'
  )
  const large = (host: string) => JSON.stringify(Array.from({ length: 10_000 }, () => `${host}/x`))
  t.match(await save(large(origin)), {
    body: large(upstream.origin),
    headers: { 'transfer-encoding': 'chunked', 'content-length': undefined }
  })
  for (const [more, path] of [
    [{ 'content-type': 'text/plain' }, '/api/x'],
    [{ 'content-encoding': 'gzip' }, '/api/x'],
    [{}, '/sense/x']
  ] as const) {
    t.match(await save(given, more, path), { body: given, headers: { 'content-length': String(given.length), 'content-digest': 'x' } })
  }
})

t.test('a client that leaves in the middle of what it saves leaves nothing behind', async t => {
  const { origin, cookie, received, signals } = await startBeforeUpstream(t, (_request, response) => { response.end() })
  const answered: boolean[] = []
  signals.on('answered', (_request, _reply, aborted) => answered.push(aborted))
  const request = httpRequest(`${origin}/api/x`, {
    method: 'PUT',
    headers: { cookie, 'sec-fetch-site': 'same-origin', 'content-type': json, 'content-length': '10' }
  })
  request.on('error', () => {})
  request.write('{"a"')
  await once(request, 'socket')
  await new Promise(resolve => { request.write(':', resolve) })
  signals.once('received', () => { setImmediate(() => { request.destroy() }) })
  await until(() => answered.length === 1)
  t.same(answered, [true])
  t.same(received, [])
})
