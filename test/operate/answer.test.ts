import { Writable } from 'node:stream'
import fastify, { LogController, type FastifyError, type LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import { errorTable, GatewayError, type ErrorCode } from '../../src/errors.js'
import { createErrorAnswer } from '../../src/operate/answer.js'
import { pageHeaders, renderPage, wantsPage } from '../../src/pages.js'

const codes = Object.keys(errorTable) as ErrorCode[]
const page = 'text/html,application/xhtml+xml,*/*;q=0.8'

/** An application whose only route raises what is asked for, and the lines of its log. */
async function start (t: Test, raise: () => Error) {
  const log: Record<string, unknown>[] = []
  const stream = new Writable({
    write (line: Buffer, _encoding, done) {
      log.push(JSON.parse(line.toString()) as Record<string, unknown>)
      done()
    }
  })
  const app = fastify({
    logger: { level: 'debug', stream },
    genReqId: () => 'trace-1',
    logController: new LogController({ disableRequestLogging: true })
  })
  t.teardown(async () => { await app.close() })
  app.setErrorHandler(createErrorAnswer({ homeOf: () => 'https://app.example.com/qlik/' }))
  app.decorateRequest('target')
  app.addHook('onRequest', async request => { request.target = { path: '/x', query: '' } })
  app.all('/*', async () => { throw raise() })
  return { app, log }
}

const withStatus = (statusCode: number, message = 'a text of a library with <input>') =>
  Object.assign(new Error(message), { code: 'FST_ERR_OF_THE_TEST', statusCode }) as FastifyError

t.test('a program gets every error in the shape of the tenant\'s own, with the reference that the log has', async t => {
  let code: ErrorCode = 'GW-INTERNAL'
  const { app, log } = await start(t, () => new GatewayError(code))
  const answers: unknown[] = []
  const expected: unknown[] = []
  const logged: unknown[] = []
  for (code of codes) {
    const { status, title, detail } = errorTable[code]
    for (const accept of ['application/json', '*/*', undefined]) {
      const answer = await app.inject({ url: '/x', headers: accept === undefined ? {} : { accept } })
      answers.push({
        accept,
        statusCode: answer.statusCode,
        headers: ['content-type', 'cache-control', 'vary', 'retry-after'].map(name => answer.headers[name]),
        body: answer.json<unknown>()
      })
      expected.push({
        accept,
        statusCode: status,
        headers: ['application/json; charset=utf-8', 'no-store', 'Accept', undefined],
        body: {
          ...(code === 'GW-CSRF-TOKEN' ? { code: 'CSRF-TOKEN-2' } : {}),
          errors: [{ code, title, detail, status: String(status) }],
          traceId: 'trace-1'
        }
      })
    }
    logged.push(log.at(-1))
  }
  t.same(answers, expected)
  t.match(logged, codes.map(each =>
    each === 'GW-INTERNAL'
      ? { level: 50, reqId: 'trace-1', failure: errorTable[each].title, stack: String }
      : { level: 20, reqId: 'trace-1', code: each }))
})

t.test('a person gets a page that loads and does nothing, and shows nothing that was sent', async t => {
  const { app } = await start(t, () => new GatewayError('GW-LOGIN-STATE'))
  const hostile = '"><script>alert(1)</script>'
  const { statusCode, headers, body } = await app.inject({
    url: `/x?state=${encodeURIComponent(hostile)}&error_description=hostile`,
    headers: { accept: page, referer: hostile, 'user-agent': hostile, cookie: hostile }
  })
  t.equal(statusCode, 400)
  t.match(headers, {
    ...pageHeaders,
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer'
  })
  t.match(
    headers['content-security-policy'],
    /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'$/
  )
  t.match(body, errorTable['GW-LOGIN-STATE'].title)
  t.match(body, 'Reference: GW-LOGIN-STATE trace-1')
  t.notMatch(body, /<script|hostile|alert/)
})

t.test('every page for people has a way on, and speaks of no setting, header or route', async t => {
  let code: ErrorCode = 'GW-INTERNAL'
  const { app } = await start(t, () => new GatewayError(code))
  const wayOn = '<form action="https://app.example.com/qlik/"><button>Go to the start page'
  const foreign = /[A-Z]{2,}|_|\/\w|\bheader|\btoken endpoint|JSON|Retry-After|\biss\b/
  const faults: [code: ErrorCode, text: string][] = []
  for (code of codes) {
    const { body } = await app.inject({ url: '/x', headers: { accept: page }, method: 'POST' })
    const text = /<p>(.*?)<\/p>/.exec(body)?.[1] ?? ''
    if (text.length <= 10 || foreign.test(text) || !body.includes(wayOn)) faults.push([code, text])
  }
  t.same(faults, [])
})

t.test('a page escapes every text that it shows', async t => {
  const hostile = '<img src=x onerror="alert(\'1\')">&'
  const html = renderPage({ title: hostile, text: hostile, reference: hostile, action: { label: hostile, href: hostile } })
  t.notMatch(html, '<img')
  t.equal(
    html.split('&#60;img src=x onerror=&#34;alert(&#39;1&#39;)&#34;&#62;&#38;').length,
    7,
    'title and heading, text, address and label, reference'
  )
  t.notMatch(renderPage({ title: 'a', text: 'b' }), /<form|reference"/)
  t.ok(wantsPage(page))
  t.notOk(wantsPage('*/*'))
  t.notOk(wantsPage(undefined))
})

t.test('a navigation without a session goes to the login and comes back', async t => {
  const { app } = await start(t, () => new GatewayError('GW-NO-SESSION'))
  const navigate = { 'sec-fetch-mode': 'navigate', accept: page }
  const answer = await app.inject({ url: '/qlik/single/?appid=a&sheet=b%20c#x', headers: navigate })
  t.equal(answer.statusCode, 302)
  t.match(answer.headers, {
    location: 'https://app.example.com/qlik/login?returnto=%2Fqlik%2Fsingle%2F%3Fappid%3Da%26sheet%3Db%2520c',
    'cache-control': 'no-store'
  })
  t.equal(
    (await app.inject({ url: '/qlik/single/', headers: { accept: page } })).statusCode,
    302,
    'of a browser without fetch metadata too'
  )
  const others: [title: string, request: { method: 'GET' | 'POST' | 'HEAD', headers: Record<string, string> }][] = [
    ['a form that was sent', { method: 'POST', headers: navigate }],
    ['a script', { method: 'GET', headers: { 'sec-fetch-mode': 'cors', accept: '*/*' } }],
    ['an image', { method: 'GET', headers: { 'sec-fetch-mode': 'no-cors' } }],
    ['a program', { method: 'GET', headers: {} }],
    ['a script of an older browser', { method: 'GET', headers: { accept: '*/*' } }],
    ['HEAD', { method: 'HEAD', headers: navigate }]
  ]
  for (const [title, request] of others) {
    const refused = await app.inject({ url: '/qlik/single/', ...request })
    t.equal(refused.statusCode, 401, title)
    t.equal(refused.headers.location, undefined)
  }
})

t.test('no other error of a navigation goes to the login', async t => {
  const { app } = await start(t, () => new GatewayError('GW-FOREIGN-ORIGIN'))
  t.match(await app.inject({ url: '/x', headers: { 'sec-fetch-mode': 'navigate' } }), { statusCode: 403 })
})

t.test('what others raise has its place in the table, and its text is told to the log alone', async t => {
  const cases: [error: () => Error, code: ErrorCode][] = [
    [() => withStatus(404), 'GW-NOT-FOUND'],
    [() => withStatus(405), 'GW-METHOD'],
    [() => withStatus(400), 'GW-BAD-REQUEST'],
    [() => withStatus(413), 'GW-BAD-REQUEST'],
    [() => withStatus(499), 'GW-BAD-REQUEST'],
    [() => withStatus(500), 'GW-INTERNAL'],
    [() => withStatus(302), 'GW-INTERNAL'],
    [() => new TypeError('a text of a library'), 'GW-INTERNAL']
  ]
  for (const [raise, code] of cases) {
    const { app, log } = await start(t, raise)
    for (const accept of [page, 'application/json']) {
      const answer: LightMyRequestResponse = await app.inject({ url: '/x', headers: { accept } })
      t.equal(answer.statusCode, errorTable[code].status)
      t.match(answer.body, code)
      t.notMatch(answer.body, /library|input/)
    }
    if (code === 'GW-INTERNAL') t.match(log.at(-1), { level: 50, failure: /library/, stack: /answer\.test/ })
  }
})

t.test('an error tells when to come back, and its cause to the log', async t => {
  const { app, log } = await start(t, () => new GatewayError('GW-TENANT-BUSY', { retryAfterSeconds: 7, cause: new Error('the cause') }))
  const answer = await app.inject({ url: '/x' })
  t.match(answer, { statusCode: 503, headers: { 'retry-after': '7' } })
  t.match(log.at(-1), { level: 20, code: 'GW-TENANT-BUSY', failure: 'the cause' })
  t.match(new GatewayError('GW-TENANT-BUSY'), { name: 'GatewayError', statusCode: 503, cause: undefined, retryAfterSeconds: undefined })
})
