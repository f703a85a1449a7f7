import fastify from 'fastify'
import { createHash, randomUUID } from 'node:crypto'
import { Writable } from 'node:stream'
import t from 'tap'
import { alice, bob } from '../../sandbox/identities.js'
import { gateway } from '../../src/gateway.js'
import { createBrowser, login, type Browser } from '../helpers/browser-jar.js'
import { asScript, startGateway, type Stage } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { sessionKey } from '../helpers/session-cookie.js'

/** Goes through a login up to the callback's address, which is not called yet. */
async function almostThere (
  stage: Stage,
  browser = createBrowser({ stopAt: url => url.href.startsWith(`${stage.origin}/login/callback`) }),
  start = '/login'
): Promise<{ browser: Browser, callback: URL }> {
  const answer = await login(browser, `${stage.origin}${start}`, alice)
  return { browser, callback: new URL(answer.headers.get('location') ?? '', stage.origin) }
}

async function sessionOf (stage: Stage, browser: Browser): Promise<{ authenticated: boolean, user?: { id: string } }> {
  return await (await browser.fetch(`${stage.origin}/gateway/session`, asScript())).json() as { authenticated: boolean }
}

const loginCookie = (state: string | null) => `qlik-login-${createHash('sha256').update(state ?? '').digest('hex').slice(0, 12)}`

const exchanges = (stage: Stage) => stage.tenant.controls.requests.filter(({ path }) => path === '/oauth/token').length

t.test('a login ends at the page where it began, with a session of the user', async t => {
  const stage = await startGateway(t)
  const { browser, callback } = await almostThere(
    stage,
    undefined,
    '/login?returnto=%2Fpage%3Fa%3D1%26b%3D2%23part&qlik-web-integration-id=x&state=mine&scope=admin'
  )
  const authorize = new URL(browser.hops[0]?.to ?? '')
  t.equal(authorize.searchParams.get('scope'), 'user_default offline_access', 'nothing of the query reaches the authorization URL')
  t.not(authorize.searchParams.get('state'), 'mine')
  t.notOk(authorize.searchParams.has('qlik-web-integration-id'))
  const back = await browser.fetch(callback, { redirect: 'manual' })
  t.equal(back.status, 303)
  t.equal(back.headers.get('location'), `${stage.origin}/page?a=1&b=2#part`)
  t.equal(back.headers.get('cache-control'), 'no-store')
  t.match(await sessionOf(stage, browser), { authenticated: true, user: { id: alice.id } })
  t.same(
    browser.cookies.names(stage.origin).filter(name => name.startsWith('qlik-')),
    ['qlik-login-done', 'qlik-session'],
    'and the login cookie is gone'
  )
})

t.test('a missing, wrong, foreign or used state is refused and no token is asked for', async t => {
  const stage = await startGateway(t)
  const { browser, callback } = await almostThere(stage)
  const { callback: foreign } = await almostThere(stage)
  const variant = (change: (parameters: URLSearchParams) => void) => {
    const url = new URL(callback)
    change(url.searchParams)
    return url
  }
  const cases: [string, URL, string][] = [
    ['missing', variant(p => { p.delete('state') }), 'GW-LOGIN-STATE'],
    ['wrong', variant(p => { p.set('state', 'x') }), 'GW-LOGIN-STATE'],
    ['another browser\'s', foreign, 'GW-LOGIN-STATE']
  ]
  stage.tenant.controls.clear()
  for (const [title, url, code] of cases) {
    const answer = await browser.fetch(url, asScript({ redirect: 'manual' }))
    t.equal(answer.status, 400, title)
    t.match(await answer.text(), code, title)
  }
  t.equal(exchanges(stage), 0)
  const cookie = browser.cookies.header(new URL(callback))
  t.equal((await browser.fetch(callback, { redirect: 'manual' })).status, 303)
  t.equal(exchanges(stage), 1)
  const again = await fetch(callback, { headers: { cookie, accept: 'application/json' }, redirect: 'manual' })
  t.equal(again.status, 400, 'also when its old cookie is replayed')
  t.match(await again.text(), 'GW-LOGIN-STATE')
  t.equal(exchanges(stage), 1)
})

t.test('parameters that are doubled or missing, and a foreign issuer, are refused and no token is asked for', async t => {
  const stage = await startGateway(t)
  const cases: [string, (p: URLSearchParams) => void, string][] = [
    ['two codes', p => { p.append('code', 'x') }, 'GW-LOGIN-PARAMETERS'],
    ['two states', p => { p.append('state', 'x') }, 'GW-LOGIN-PARAMETERS'],
    ['two errors', p => { p.append('error', 'x'); p.append('error', 'y') }, 'GW-LOGIN-PARAMETERS'],
    ['two issuers', p => { p.append('iss', stage.tenant.origin); p.append('iss', 'x') }, 'GW-LOGIN-PARAMETERS'],
    ['no code', p => { p.delete('code') }, 'GW-LOGIN-PARAMETERS'],
    ['an empty code', p => { p.set('code', '') }, 'GW-LOGIN-PARAMETERS'],
    ['a token', p => { p.set('token', 'x') }, 'GW-LOGIN-PARAMETERS'],
    ['a foreign issuer', p => { p.set('iss', 'https://evil.example') }, 'GW-LOGIN-ISSUER']
  ]
  for (const [title, change, code] of cases) {
    const { browser, callback } = await almostThere(stage)
    change(callback.searchParams)
    const answer = await browser.fetch(callback, asScript({ redirect: 'manual' }))
    t.equal(answer.status, 400, title)
    t.match(await answer.text(), code, title)
  }
  t.equal(exchanges(stage), 0)
  stage.tenant.controls.set({ issuerOnRedirect: true })
  const { browser, callback } = await almostThere(stage)
  t.ok(callback.searchParams.has('iss'))
  t.equal((await browser.fetch(callback, { redirect: 'manual' })).status, 303, 'the tenant\'s own issuer is right')
})

t.test('an error of the tenant is told by a fixed text', async t => {
  const stage = await startGateway(t)
  const cases: [string, number, string][] = [
    ['access_denied', 403, 'GW-LOGIN-DENIED'],
    ['invalid_scope', 400, 'GW-LOGIN-REFUSED'],
    ['<script>alert(1)</script>', 400, 'GW-LOGIN-REFUSED']
  ]
  for (const [error, status, code] of cases) {
    const { browser, callback } = await almostThere(stage)
    callback.searchParams.delete('code')
    callback.searchParams.set('error', error)
    callback.searchParams.set('error_description', '<b>bold</b>')
    callback.searchParams.set('error_code', 'OAUTH-1')
    const answer = await browser.fetch(callback, { redirect: 'manual' })
    const page = await answer.text()
    t.equal(answer.status, status)
    t.match(answer.headers.get('content-type'), 'text/html')
    t.match(page, code)
    t.notMatch(page, /<script>|<b>/, 'never reflected')
  }
})

t.test('a callback without its cookie stops at a page that names the likeliest cause, with the reference of the line ' +
  'in the log', async t => {
  const clock = { ahead: 0 }
  const lines: { msg: string, code: string, reqId: string }[] = []
  const stream = new Writable({
    write (line: Buffer, _encoding, done) {
      lines.push(JSON.parse(line.toString()) as (typeof lines)[number])
      done()
    }
  })
  const told = () => lines.filter(({ msg }) => msg === 'a login came back without its cookie')
  const app = fastify({ logger: { level: 'warn', stream }, genReqId: () => randomUUID() })
  t.teardown(async () => { await app.close() })
  const options = {
    tenantUrl: 'http://localhost:1',
    clientId: 'id',
    clientSecret: 'secret',
    publicUrl: 'http://localhost:3000',
    sessionKeys: sessionKey,
    now: () => Date.now() + clock.ahead
  }
  await app.register(gateway, options)
  const metadata = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
  const begin = async (headers: Record<string, string> = metadata) => {
    const { headers: answered } = await app.inject({ url: '/login', headers: { host: 'gateway.test', ...headers } })
    return new URL(answered.location as string).searchParams.get('state') as string
  }
  const cases: [title: string, state: string, headers: Record<string, string>, code: string, text: RegExp, afterMs?: number][] = [
    ['nothing is known but that the cookie is not there', await begin(), metadata, 'GW-LOGIN-COOKIE', /Allow cookies of this site/],
    ['a state that is none of ours', 'x', metadata, 'GW-LOGIN-COOKIE', /Allow cookies/],
    ['in a frame', await begin(), { ...metadata, 'sec-fetch-dest': 'iframe', 'sec-fetch-site': 'cross-site' },
      'GW-LOGIN-COOKIE-FRAME', /window of its own/],
    ['another host', await begin({ ...metadata, host: 'alias.test' }), metadata, 'GW-LOGIN-COOKIE-HOST', /another name of this site/],
    ['http, where browsers send no fetch metadata', await begin({}), metadata, 'GW-LOGIN-COOKIE-HTTP', /http instead of https/],
    ['a browser that never sends any', await begin({}), {}, 'GW-LOGIN-COOKIE', /Allow cookies/],
    ['a key that this gateway lacks', await begin(), { ...metadata }, 'GW-LOGIN-COOKIE-KEY', /shares no key/],
    ['too late', await begin(), metadata, 'GW-LOGIN-LATE', /ten minutes.*clocks/, 600_000],
    ['a clock that is behind', await begin(), metadata, 'GW-LOGIN-LATE', /clocks/, -120_000]
  ]
  for (const [title, state, headers, code, text, afterMs = 0] of cases) {
    if (code === 'GW-LOGIN-COOKIE-KEY') headers.cookie = `${loginCookie(state)}=1.nonsense`
    clock.ahead = afterMs
    const answer = await app.inject({
      url: `/login/callback?code=x&state=${state}`,
      headers: { host: 'gateway.test', accept: 'text/html', ...headers }
    })
    t.match(
      answer,
      {
        statusCode: 400,
        headers: {
          location: undefined,
          'content-security-policy': code.endsWith('FRAME') ? /frame-ancestors \*/ : /frame-ancestors 'none'/
        }
      },
      title
    )
    t.match(answer.body, text, title)
    t.match(told().at(-1), { code })
    t.match(answer.body, `${code} ${told().at(-1)?.reqId}<`, title)
  }
  t.equal(told().length, cases.length)
})

t.test('a token endpoint that fails is told by kind', async t => {
  const stage = await startGateway(t)
  const cases: [object, number, string, string | null][] = [
    [{ status: 403 }, 403, 'GW-TOO-MANY-TOKENS', null],
    [{ status: 429, retryAfter: 7 }, 503, 'GW-TENANT-BUSY', '7'],
    [{ status: 503, retryAfter: 3600 }, 503, 'GW-TENANT-BUSY', '60'],
    [{ status: 500 }, 503, 'GW-TENANT-BUSY', '5'],
    [{ reset: true }, 503, 'GW-TENANT-BUSY', '5'],
    [{ status: 404, body: 'no' }, 503, 'GW-TENANT-BUSY', '5'],
    [{ status: 401, body: { error: 'invalid_client' } }, 503, 'GW-CLIENT-REFUSED', '5'],
    [{ status: 401 }, 502, 'GW-LOGIN-EXCHANGE', null],
    [{ status: 400 }, 502, 'GW-LOGIN-EXCHANGE', null]
  ]
  for (const [fault, status, code, retryAfter] of cases) {
    const { browser, callback } = await almostThere(stage)
    stage.tenant.controls.addFault({ path: '/oauth/token', times: 1, ...fault })
    const answer = await browser.fetch(callback, asScript({ redirect: 'manual' }))
    t.equal(answer.status, status, code)
    t.match(await answer.json(), { errors: [{ code, status: String(status) }], traceId: String })
    t.equal(answer.headers.get('retry-after'), retryAfter)
    t.notOk(browser.cookies.get(stage.origin, 'qlik-session'))
  }
})

t.test('five tabs can log in at once, and the oldest of more is dropped', async t => {
  const stage = await startGateway(t)
  const browser = createBrowser({ stopAt: url => url.href.startsWith(stage.tenant.origin) })
  const states: string[] = []
  for (let tab = 0; tab < 6; tab++) {
    const answer = await browser.fetch(`${stage.origin}/login?returnto=/tab${tab}`)
    states.push(new URL(answer.headers.get('location') ?? '').searchParams.get('state') ?? '')
  }
  const statuses: number[] = []
  for (const state of states) {
    const answer = await browser.fetch(
      `${stage.origin}/login/callback?error=access_denied&state=${state}`,
      asScript({ redirect: 'manual' })
    )
    statuses.push(answer.status)
  }
  t.same(statuses, [400, 403, 403, 403, 403, 403])
})

t.test('long return addresses push out older logins before the cookies overflow, and each leads where it began', async t => {
  const stage = await startGateway(t)
  const { browser, callback } = await almostThere(stage, undefined, `/login?returnto=/${'x'.repeat(8_000)}`)
  const sizes: number[] = []
  for (let tab = 0; tab < 3; tab++) {
    await browser.fetch(`${stage.origin}/login?returnto=/${'x'.repeat(4_000)}${tab}`, { redirect: 'manual' })
    sizes.push(browser.cookies.header(new URL(stage.origin)).length)
  }
  t.ok(sizes.every(size => size < 14_000), String(sizes))
  t.match(await (await browser.fetch(callback, asScript({ redirect: 'manual' }))).text(), 'GW-LOGIN-STATE', 'the oldest gave way')
  const again = await almostThere(stage, browser, `/login?returnto=/${'y'.repeat(8_000)}`)
  const back = await browser.fetch(again.callback, { redirect: 'manual' })
  t.equal(back.headers.get('location'), `${stage.origin}/${'y'.repeat(8_000)}`)
})

t.test('a login that took longer than ten minutes is over', async t => {
  const clock = { ahead: 0 }
  const stage = await startGateway(t, { clock: { now: () => Date.now() + clock.ahead } })
  const { browser, callback } = await almostThere(stage)
  clock.ahead = 600_000
  const answer = await browser.fetch(callback, asScript({ redirect: 'manual' }))
  t.equal(answer.status, 400)
  t.match(await answer.text(), 'GW-LOGIN-LATE')
})

t.test('a session that was there before, planted or not, does not survive a login', async t => {
  const stage = await startGateway(t)
  const browser = await stage.signIn(bob)
  const planted = browser.cookies.header(new URL(stage.origin))
  t.equal(stage.tenant.controls.liveTokens(bob.id), 1)
  stage.tenant.controls.clear()
  await browser.fetch(`${stage.tenant.origin}/logout`)
  browser.cookies.clear('sandbox-okta')
  const { callback } = await almostThere(
    stage,
    createBrowser({ stopAt: url => url.pathname === '/login/callback' && url.origin === stage.origin })
  )
  const login = await almostThere(stage)
  const done = await fetch(login.callback, {
    headers: { cookie: `${planted}; ${login.browser.cookies.header(new URL(stage.origin))}` }, redirect: 'manual'
  })
  t.equal(done.status, 303)
  t.ok(callback)
  const replayed = await fetch(`${stage.origin}/api/v1/items`, { headers: { cookie: planted } })
  t.equal(replayed.status, 401, 'it is ended')
  await t.resolves(until(() => stage.tenant.controls.liveTokens(bob.id) === 0), 'and its refresh token revoked')
})

t.test('an access token of 4 KB with a refresh token of 1 KB fits into numbered parts, and more is an error that says so', async t => {
  const stage = await startGateway(t)
  stage.tenant.controls.set({ accessTokenBytes: 4_096, refreshTokenBytes: 1_024 })
  const browser = await stage.signIn()
  t.same(browser.cookies.names(stage.origin).filter(name => name.startsWith('qlik-session')).sort(), ['qlik-session', 'qlik-session.1'])
  t.match(await sessionOf(stage, browser), { authenticated: true, user: { id: alice.id } })
  stage.tenant.controls.set({ accessTokenBytes: 13_000 })
  const { browser: another, callback } = await almostThere(stage)
  const answer = await another.fetch(callback, asScript({ redirect: 'manual' }))
  t.equal(answer.status, 502)
  t.match(await answer.text(), 'GW-SESSION-TOO-LARGE')
  t.notOk(another.cookies.get(stage.origin, 'qlik-session'))
  await until(() => stage.tenant.controls.grants.revoke === 1)
  t.pass('and what the tenant gave is given back')
})

t.test('consent that is denied at the tenant is told as such', async t => {
  const stage = await startGateway(t, { sandbox: { consent: 'required' } })
  const browser = createBrowser()
  const page = await login(browser, `${stage.origin}/login`, alice)
  t.match(await page.text(), /allow|deny/i, 'the tenant asks')
})
