import t from 'tap'
import { alice, bob } from '../../sandbox/identities.js'
import { createBrowser } from '../helpers/browser-jar.js'
import { startSession } from '../../src/session/record.js'
import { asScript, createClock, nowhere, startGateway, type Stage } from '../helpers/gateway.js'
import { accessToken } from '../helpers/jwt.js'
import { serveHttp } from '../helpers/servers.js'
import { cookieOf, tenantAt } from '../helpers/session-cookie.js'

const profileCalls = (stage: Stage) => stage.tenant.controls.requests.filter(({ path }) => path === '/api/v1/users/me')

t.test('the session of a page says who is signed in, until when and where to go, and never a token', async t => {
  const stage = await startGateway(t)
  const out = await createBrowser().fetch(`${stage.origin}/gateway/session`, asScript())
  t.equal(out.headers.get('cache-control'), 'no-store')
  t.same(await out.json(), { authenticated: false, loginUrl: `${stage.origin}/login` })
  const browser = await stage.signIn()
  const answer = await browser.fetch(`${stage.origin}/gateway/session`, asScript())
  t.equal(answer.headers.get('cache-control'), 'no-store')
  const text = await answer.text()
  t.match(JSON.parse(text), {
    authenticated: true,
    user: { id: alice.id, name: alice.name, email: alice.email },
    expiresAt: /^\d{4}-\d\d-\d\dT.*Z$/,
    loginUrl: `${stage.origin}/login`,
    logoutUrl: `${stage.origin}/logout`,
    csrfToken: String
  })
  t.notMatch(text, accessToken)
  t.notMatch(text, stage.tenant.origin, 'and its links lead to the gateway')
})

t.test('the profile is asked for once, follows the tenant\'s redirect and never leaves the tenant', async t => {
  const stage = await startGateway(t)
  const browser = await stage.signIn()
  await Promise.all(Array.from({ length: 5 }, async () => await browser.fetch(`${stage.origin}/gateway/session`, asScript())))
  t.equal(profileCalls(stage).length, 1)
  const asked: unknown[] = []
  const thief = await serveHttp(t, (request, response) => {
    asked.push(request.headers.authorization)
    response.end(JSON.stringify({ id: 'thief' }))
  })
  const cases: [string, object][] = [
    ['a redirect to another host', { status: 302, headers: { location: `${thief.origin}/api/v1/users/me` } }],
    ['a redirect without an end', { status: 302, headers: { location: '/api/v1/users/me' }, times: 9 }],
    ['an error', { status: 500 }],
    ['no JSON', { status: 200, body: 'text' }],
    ['another document', { status: 200, body: { name: 'x' } }],
    ['nothing', { status: 200, body: null }],
    ['a reset', { reset: true }]
  ]
  for (const [title, fault] of cases) {
    const other = await stage.signIn(bob)
    stage.tenant.controls.addFault({ path: '/api/v1/users/me', times: 1, ...fault })
    t.match(await (await other.fetch(`${stage.origin}/gateway/session`, asScript())).json(), { authenticated: true, user: null }, title)
    stage.tenant.controls.faults.clear()
    t.match(
      await (await other.fetch(`${stage.origin}/gateway/session`, asScript())).json(),
      { user: { id: bob.id } },
      `${title} is not remembered`
    )
  }
  t.same(asked, [], 'the token goes to nobody else')
})

t.test('asking for the session does not prolong it', async t => {
  const clock = { ahead: 0 }
  const stage = await startGateway(t, { clock: { now: () => Date.now() + clock.ahead } })
  const browser = await stage.signIn()
  const before = await (await browser.fetch(`${stage.origin}/gateway/session`, asScript())).json() as { expiresAt: string }
  clock.ahead = 4 * 3_600_000
  const later = await browser.fetch(`${stage.origin}/gateway/session`, asScript())
  t.equal((await later.json() as typeof before).expiresAt, before.expiresAt)
  t.equal(later.headers.get('set-cookie'), null)
  await browser.fetch(`${stage.origin}/api/v1/items`, asScript())
  const used = await (await browser.fetch(`${stage.origin}/gateway/session`, asScript())).json() as typeof before
  t.ok(used.expiresAt > before.expiresAt)
})

t.test('a login that the tenant has ended is no session any more', async t => {
  const clock = createClock()
  const stage = await startGateway(t, { clock })
  const browser = await stage.signIn()
  stage.tenant.controls.revokeAll(alice.id)
  clock.aheadMs = 6 * 3_600_000
  const answer = await browser.fetch(`${stage.origin}/gateway/session`, asScript())
  t.same(await answer.json(), { authenticated: false, loginUrl: `${stage.origin}/login` })
  t.same(answer.headers.getSetCookie(), [], 'and the browser, which may have another by now, keeps its cookie')
})

t.test('a tenant that gives no token is told as an error, not as signed out', async t => {
  const clock = createClock()
  const stage = await startGateway(t, { clock })
  const browser = await stage.signIn()
  stage.tenant.controls.addFault({ path: '/oauth/token', status: 503 })
  clock.aheadMs = 6 * 3_600_000
  const answer = await browser.fetch(`${stage.origin}/gateway/session`, asScript())
  t.equal(answer.status, 503)
  t.match(await answer.text(), 'GW-TENANT-BUSY')
  stage.tenant.controls.faults.clear()
})

t.test('the CSRF token comes in a header, belongs to the session and stays through refreshes', async t => {
  const clock = createClock()
  const stage = await startGateway(t, { clock })
  const none = await createBrowser().fetch(`${stage.origin}/api/v1/csrf-token`, asScript())
  t.equal(none.status, 401)
  const [browser, other] = [await stage.signIn(), await stage.signIn(bob)]
  const tokenOf = async (who: typeof browser) =>
    (await who.fetch(`${stage.origin}/api/v1/csrf-token`, asScript())).headers.get('qlik-csrf-token')
  const answer = await browser.fetch(`${stage.origin}/api/v1/csrf-token`, asScript())
  t.equal(answer.status, 204)
  const token = answer.headers.get('qlik-csrf-token')
  t.match(token, /^[\w-]{43}$/)
  clock.aheadMs = 6 * 3_600_000
  await browser.fetch(`${stage.origin}/api/v1/items`, asScript())
  t.ok(stage.tenant.controls.grants.refresh_token >= 1)
  t.equal(await tokenOf(browser), token)
  t.not(await tokenOf(other), token)
})

t.test('a proxy that asks whether somebody is signed in gets a status and nothing else, and nothing is asked of the tenant', async t => {
  const clock = { ahead: 0 }
  const { app, cookie, signals } = await startGateway(t, { tenant: nowhere, clock: { now: () => Date.now() + clock.ahead } })
  let calls = 0
  signals.on('tenantAnswered', () => { calls++ })
  const check = async (headers: Record<string, string> = {}) =>
    await app.inject({ url: '/gateway/check', headers: { 'sec-fetch-mode': 'navigate', accept: 'text/html', ...headers } })
  const without = await check()
  t.match(without, { statusCode: 401, body: '', headers: { 'cache-control': 'no-store' } })
  t.equal(without.headers.location, undefined)
  const within = await check({ cookie })
  t.match(within, { statusCode: 204, body: '', headers: { 'cache-control': 'no-store' } })
  t.equal(within.headers['set-cookie'], undefined)
  clock.ahead = 3 * 3_600_000
  const later = await check({ cookie })
  t.match(
    later,
    { statusCode: 204, headers: { 'set-cookie': /^qlik-session=/ } },
    'it counts as use, also while an access token waits to be renewed'
  )
  const now = Date.now()
  const unrenewable = await cookieOf(
    startSession({ accessToken: 'one', grantedAt: now, endsAt: now + 3_600_000, generation: 0 }, now),
    tenantAt('http://127.0.0.1:1')
  )
  t.equal((await check({ cookie: unrenewable })).statusCode, 401, 'a session that cannot be renewed ends with its access token')
  clock.ahead = 0
  t.equal((await check({ cookie: unrenewable })).statusCode, 204)
  t.equal(calls, 0)
})
