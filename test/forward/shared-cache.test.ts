import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { AssetStore } from '../../src/forward/asset-store.js'
import { SharedCache } from '../../src/forward/shared-cache.js'
import { createSignals } from '../../src/signals.js'
import { createTransport } from '../../src/tenants/transport.js'
import { until } from '../helpers/log.js'
import { openRaw } from '../helpers/raw.js'
import { startBeforeUpstream } from '../helpers/upstream.js'

const fresh = { 'cache-control': 'public, max-age=600' }

/** Asks for a path a few times, and says what each answer was and how often the tenant was asked. */
async function askTwice (
  t: Test,
  headers: Record<string, string | string[]>,
  {
    status = 200,
    path = '/assets/x',
    first = {},
    second = {}
  }: { status?: number, path?: string, first?: Record<string, string>, second?: Record<string, string> } = {}
) {
  let count = 0
  const { ask, received } = await startBeforeUpstream(t, (request, response) => {
    if (!request.url?.startsWith(path)) response.end()
    else response.writeHead(status, { 'content-type': 'text/plain', ...headers }).end(`answer ${++count}`)
  })
  const answers = []
  for (const sent of [first, second]) {
    const answer = await ask(path, { headers: sent })
    answers.push({ status: answer.statusCode, headers: answer.headers, body: await text(answer) })
  }
  return { answers, asked: received.filter(({ url }) => url === path) }
}

t.test('what all may share is asked for once while it is fresh', async t => {
  const cases: [title: string, headers: Record<string, string>][] = [
    ['max-age', fresh],
    ['s-maxage', { 'cache-control': 's-maxage=600' }],
    ['Expires', { expires: new Date(Date.now() + 600_000).toUTCString() }],
    ['immutable', { 'cache-control': 'immutable' }],
    ['Vary: Accept-Encoding', { ...fresh, vary: 'Accept-Encoding' }]
  ]
  for (const [title, headers] of cases) {
    const { answers, asked } = await askTwice(t, headers, { second: { cookie: 'other=1', 'user-agent': 'another' } })
    t.same(answers.map(({ status, body }) => [status, body]), [[200, 'answer 1'], [200, 'answer 1']], title)
    t.equal(asked.length, 1, title)
    t.match(answers[1]?.headers, { age: /^\d+$/, 'content-type': 'text/plain' })
  }
})

t.test('nothing is shared that is not for everybody, nobody has named a lifetime of, or is no plain success', async t => {
  const cases: [title: string, headers: Record<string, string>, more?: Parameters<typeof askTwice>[2]][] = [
    ['no-store', { 'cache-control': 'no-store' }],
    ['private', { 'cache-control': 'private, max-age=600' }],
    ['Private', { 'cache-control': 'Private, Max-Age=600' }],
    ['private for a header', { 'cache-control': 'private="x-name", max-age=600' }],
    ['Set-Cookie', { ...fresh, 'set-cookie': 'a=b' }],
    ['Vary: Cookie', { ...fresh, vary: 'Cookie' }],
    ['Vary: Authorization', { ...fresh, vary: 'accept-encoding, AUTHORIZATION' }],
    ['Vary: *', { ...fresh, vary: '*' }],
    ['max-age=0', { 'cache-control': 'max-age=0' }],
    ['no lifetime', {}],
    ['a guess by the date', { 'last-modified': new Date(Date.now() - 1e11).toUTCString() }],
    ['an old answer', { ...fresh, age: '601' }],
    ['404', fresh, { status: 404 }],
    ['301', { ...fresh, location: '/assets/y' }, { status: 301 }],
    ['a session', fresh, { path: '/api/v1/x' }],
    ['another encoding', { ...fresh, vary: 'Accept-Encoding' },
      { first: { 'accept-encoding': 'gzip' }, second: { 'accept-encoding': 'br' } }],
    ['a header that not everybody sends', fresh, { second: { 'x-other': '1' } }],
    ['a range', fresh, { second: { range: 'bytes=0-1' } }],
    ['a client that wants it stored nowhere', fresh, { first: { 'cache-control': 'no-store' } }],
    ['a client that wants it validated', fresh, { second: { 'cache-control': 'no-cache' } }],
    ['a client of old that wants it validated', fresh, { second: { pragma: 'no-cache' } }]
  ]
  for (const [title, headers, more] of cases) {
    const { answers, asked } = await askTwice(t, headers, more)
    t.same(answers.map(({ body }) => body), ['answer 1', 'answer 2'], title)
    t.equal(asked.length, 2, title)
  }
})

t.test('a client cannot make the cache answer without the tenant, or with what is stale', async t => {
  for (const control of ['only-if-cached', 'max-stale=1000, stale-if-error=1000']) {
    const { answers } = await askTwice(
      t,
      { 'cache-control': 'max-age=0', etag: '"1"' },
      { first: { 'cache-control': control }, second: { 'cache-control': control } }
    )
    t.same(answers.map(({ status, body }) => [status, body]), [[200, 'answer 1'], [200, 'answer 2']], control)
  }
})

t.test('what is no longer fresh is validated by its tag, and its body comes from memory', async t => {
  const { ask, received } = await startBeforeUpstream(t, (request, response) => {
    if (request.headers['if-none-match'] === '"1"') response.writeHead(304, { etag: '"1"' }).end()
    else response.writeHead(200, { 'cache-control': 'no-cache', etag: '"1"' }).end('body')
  })
  t.equal(await text(await ask('/assets/x')), 'body')
  const again = await ask('/assets/x')
  t.same([again.statusCode, await text(again)], [200, 'body'])
  t.equal(received[1]?.headers['if-none-match'], '"1"')
})

t.test('a browser that has an asset is told so from memory; where none is held its condition is the tenant\'s to judge', async t => {
  const modified = new Date(Date.now() - 1e9).toUTCString()
  const { ask, received } = await startBeforeUpstream(t, (request, response) => {
    if (request.headers['if-none-match'] !== undefined) response.writeHead(304, { etag: '"1"' }).end()
    else response.writeHead(200, { ...fresh, etag: '"1"', 'last-modified': modified, 'content-type': 'text/plain' }).end('body')
  })
  const passed = await ask('/assets/x', { headers: { 'if-none-match': '"1"' } })
  t.equal(passed.statusCode, 304)
  t.equal(received[0]?.headers['if-none-match'], '"1"')
  await text(await ask('/assets/x'))
  const cases: [Record<string, string>, number][] = [
    [{ 'if-none-match': '"0", W/"1"' }, 304],
    [{ 'if-none-match': '"2"' }, 200],
    [{ 'if-none-match': '"2"', 'if-modified-since': modified }, 200],
    [{ 'if-modified-since': modified }, 304],
    [{ 'if-modified-since': new Date(0).toUTCString() }, 200]
  ]
  for (const [headers, status] of cases) {
    const answer = await ask('/assets/x', { headers })
    t.equal(answer.statusCode, status, JSON.stringify(headers))
    t.equal(await text(answer), status === 200 ? 'body' : '')
    t.match(answer.headers, { etag: '"1"', 'cache-control': 'public, max-age=600' })
  }
  t.equal(received.length, 2)
})

/** A gateway whose tenant answers when it is told to. */
async function startHeld (t: Test) {
  const held: [IncomingMessage, ServerResponse][] = []
  const listener: RequestListener = (request, response) => { held.push([request, response]) }
  return { held, ...await startBeforeUpstream(t, listener) }
}

t.test('of many who ask for the same at a time one asks the tenant', async t => {
  const { ask, held, signals } = await startHeld(t)
  const outcomes: string[] = []
  signals.on('assetAsked', outcome => { outcomes.push(outcome) })
  const asking = Array.from({ length: 5 }, async () => await text(await ask('/assets/x')))
  await until(() => held.length === 1)
  const response = held[0]?.[1] as ServerResponse
  response.writeHead(200, fresh).write('one ')
  response.end('body')
  t.same(await Promise.all(asking), Array.from({ length: 5 }, () => 'one body'))
  t.equal(held.length, 1)
  t.same(outcomes, ['miss', 'hit', 'hit', 'hit', 'hit'])
})

t.test('others go on by themselves when the first answer is not to be kept, breaks, or its client leaves', async t => {
  const cases: [title: string, act: (response: ServerResponse) => unknown][] = [
    ['not to be kept', response => response.writeHead(200, { 'cache-control': 'no-store' }).write('a')],
    ['broken', response => { response.writeHead(200, { ...fresh, 'content-length': 10 }).write('half', () => { response.destroy() }) }],
    ['no answer', response => { response.destroy() }]
  ]
  for (const [title, act] of cases) {
    const { ask, held, signals } = await startHeld(t)
    let come = 0
    signals.on('received', () => { come++ })
    const first = ask('/assets/x').then(answer => { answer.on('error', () => {}).resume() })
    await until(() => held.length === 1)
    const others = [ask('/assets/x'), ask('/assets/x')]
    await until(() => come === 3)
    act(held[0]?.[1] as ServerResponse)
    await until(() => held.length === 3)
    for (const [, response] of held.slice(1)) response.writeHead(200, fresh).end('whole')
    for (const answer of await Promise.all(others)) t.equal(await text(answer), 'whole', title)
    t.equal(await text(await ask('/assets/x')), 'whole', `${title}: what was whole is kept`)
    held[0]?.[1].destroy()
    await first
  }

  const { origin, ask, held } = await startHeld(t)
  const leaving = await openRaw(t, origin)
  leaving.write('GET /assets/x HTTP/1.1\r\nHost: x\r\n\r\n')
  await until(() => held.length === 1)
  const other = ask('/assets/x')
  leaving.destroy()
  await until(() => held.length === 2)
  held[1]?.[1].writeHead(200, fresh).end('whole')
  t.equal(await text(await other), 'whole')
})

t.test('nobody waits long for the answer to another', async t => {
  const { upstream, held } = await startHeld(t)
  const signals = createSignals()
  const transport = createTransport(new URL(upstream.origin), { connections: 4, signals, proxies: {} })
  t.teardown(async () => { await transport.close() })
  const cache = new SharedCache(new AssetStore(), transport, signals, 50)
  const request = { origin: upstream.origin, path: '/assets/x', method: 'GET' as const, headers: {}, body: null }
  cache.dispatchBy(request, () => {})(request, { onResponseError () {} })
  await cache.underWay(request)
  await until(() => held.length === 1)
  t.equal(cache.underWay(request), undefined)
})

t.test('the memory is bounded: the least recently used goes, one that is too large is not kept, and of one address a ' +
  'few variants are', async t => {
  const now = Date.now()
  const store = new AssetStore({ mostBytes: 20_000, mostOfOne: 4_000 })
  const put = async (path: string, bytes: number, language?: string) => {
    const headers = language === undefined ? {} : { 'accept-language': language }
    const value = {
      statusCode: 200,
      statusMessage: 'OK',
      headers: {},
      cachedAt: now,
      staleAt: now + 1_000,
      deleteAt: now + 60_000,
      cacheControlDirectives: { 'max-age': 1 },
      vary: headers
    }
    const stream = store.createWriteStream({ origin: 'https://a', path, method: 'GET', headers }, value)
    await new Promise(resolve => stream?.on('error', () => {}).once('close', resolve).end(Buffer.alloc(bytes)))
  }
  const holds = (path: string) => store.holds({ origin: 'https://a', path })
  await put('/0', 3_000)
  for (let count = 1; count < 10; count++) await put(`/${count}`, 3_000)
  t.same([holds('/0'), holds('/6'), holds('/9')], [false, true, true])
  await put('/large', 5_000)
  t.equal(holds('/large'), false)
  t.equal(store.holds({ origin: 'https://b', path: '/9' }), false, 'another tenant has its own')
  for (let count = 0; count < 6; count++) await put('/9', 100, `l${count}`)
  const kept = (language: string) =>
    store.get({ origin: 'https://a', path: '/9', method: 'GET', headers: { 'accept-language': language } }) !== undefined
  t.same([kept('l0'), kept('l5')], [false, true])
  store.delete({ origin: 'https://a', path: '/9' })
  t.equal(holds('/9'), false)

  const bare = { origin: 'https://a', path: '/bare', method: 'GET' }
  const stream = store.createWriteStream(bare, {
    statusCode: 200,
    statusMessage: 'OK',
    headers: {},
    cachedAt: now,
    staleAt: now,
    deleteAt: now - 1
  })
  await new Promise(resolve => stream?.once('close', resolve).end())
  t.equal(store.get(bare), undefined, 'what is over is nothing')
})
