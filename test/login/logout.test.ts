import t from 'tap'
import { alice } from '../../sandbox/identities.js'
import { createBrowser, login, type Browser } from '../helpers/browser-jar.js'
import { createGate } from '../helpers/gate.js'
import { cookieOf as sessionCookie, freshSession } from '../helpers/session-cookie.js'
import { asScript, createClock, startGateway, type Stage } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'

async function authenticated (stage: Stage, headers: Record<string, string>): Promise<boolean> {
  const answer = await fetch(`${stage.origin}/gateway/session`, { headers })
  return (await answer.json() as { authenticated: boolean }).authenticated
}

const cookieOf = (stage: Stage, browser: Browser) => browser.cookies.header(new URL(stage.origin))

async function revoked (stage: Stage): Promise<void> {
  await until(() => stage.tenant.controls.liveTokens(alice.id) === 0)
}

t.test('signing out revokes at the tenant, clears every part of the cookie, and the old cookie opens nothing', async t => {
  const stage = await startGateway(t)
  for (const [method, status] of [['GET', 303], ['POST', 204]] as const) {
    const browser = await stage.signIn()
    const cookie = cookieOf(stage, browser)
    const answer = await browser.fetch(`${stage.origin}/logout`, { method, redirect: 'manual', headers: { origin: stage.origin } })
    t.equal(answer.status, status)
    t.equal(answer.headers.get('cache-control'), 'no-store')
    const cleared = answer.headers.getSetCookie()
    t.same(cleared.map(line => line.split('=')[0]).sort(), [
      'qlik-login-done', 'qlik-session', 'qlik-session.1', 'qlik-session.2', 'qlik-session.3'
    ])
    for (const line of cleared) t.match(line, /=; Max-Age=0; Path=\/; HttpOnly; SameSite=Lax$/)
    t.equal(await authenticated(stage, { cookie }), false, 'replayed')
    t.equal((await fetch(`${stage.origin}/api/v1/items`, { headers: { cookie } })).status, 401)
    await revoked(stage)
  }
})

t.test('GET goes to the return address, or home', async t => {
  const stage = await startGateway(t)
  const go = async (query: string) =>
    (await createBrowser().fetch(`${stage.origin}/logout${query}`, { redirect: 'manual' })).headers.get('location')
  t.equal(await go(''), `${stage.origin}/`)
  t.equal(await go('?returnto=/bye'), `${stage.origin}/bye`)
  t.equal(await go('?returnto=https://evil.example'), `${stage.origin}/`)
})

t.test('where the tenant\'s session shall end too, GET goes on to its own logout, which takes no return address', async t => {
  const stage = await startGateway(t, { settings: { LOGOUT_TENANT: 'true' } })
  const answer = await (await stage.signIn()).fetch(`${stage.origin}/logout?returnto=/bye`, { redirect: 'manual' })
  t.equal(answer.headers.get('location'), `${stage.tenant.origin}/logout`)
})

t.test('a foreign page can sign nobody out', async t => {
  const stage = await startGateway(t)
  const browser = await stage.signIn()
  const cookie = cookieOf(stage, browser)
  const asked = await browser.fetch(`${stage.origin}/logout`, { headers: { 'sec-fetch-site': 'cross-site' }, redirect: 'manual' })
  t.equal(asked.status, 200)
  t.match(await asked.text(), `<form action="${stage.origin}/logout"><button>Sign out</button></form>`)
  const leading = await browser.fetch(`${stage.origin}/logout?returnto=/bye`, {
    headers: { 'sec-fetch-site': 'cross-site' },
    redirect: 'manual'
  })
  t.match(
    await leading.text(),
    `<input type="hidden" name="returnto" value="${stage.origin}/bye"><button>`,
    'the page keeps the return address'
  )
  const origins = [{ origin: 'https://evil.example' }, { origin: 'null' }, {}] as Record<string, string>[]
  for (const headers of origins) {
    const refused = await fetch(`${stage.origin}/logout`, { method: 'POST', headers: { cookie, accept: 'application/json', ...headers } })
    t.equal(refused.status, 403)
  }
  t.equal(await authenticated(stage, { cookie }), true)
})

t.test('only a navigation signs out by GET', async t => {
  const stage = await startGateway(t)
  const browser = await stage.signIn()
  const cookie = cookieOf(stage, browser)
  const ways: [title: string, init: RequestInit, status: number][] = [
    ['HEAD', { method: 'HEAD' }, 503],
    ['a prefetch', { headers: { 'sec-purpose': 'prefetch' } }, 503],
    ['an image', { headers: { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' } }, 403],
    ['a fetch', asScript(), 403]
  ]
  for (const [title, init, status] of ways) {
    const answer = await browser.fetch(`${stage.origin}/logout`, { ...init, redirect: 'manual' })
    t.equal(answer.status, status, title)
    t.same(answer.headers.getSetCookie(), [], title)
    t.equal(await authenticated(stage, { cookie }), true, title)
  }
  const form = await fetch(`${stage.origin}/logout`, {
    method: 'POST',
    headers: { cookie, origin: 'null', 'sec-fetch-site': 'same-origin' }
  })
  t.equal(form.status, 204, 'a form of a page without referrer signs out as well')
  t.equal(await authenticated(stage, { cookie }), false)
})

t.test('sessions that another cookie mode left behind are revoked and cleared too', async t => {
  const settings = { PUBLIC_URL: 'https://gateway.test' }
  const { app, tenant, signals } = await startGateway(t, { tenant: 'plain', settings })
  let revoked = 0
  signals.on('tenantAsked', ({ call }) => { if (call === 'revoke') revoked++ })
  const sealed = async (crossSite: boolean) =>
    await sessionCookie({ ...freshSession(), grant: { ...freshSession().grant, refreshToken: String(crossSite) } }, tenant, {
      secure: true,
      crossSite
    })
  const answer = await app.inject({ url: '/logout', headers: { cookie: `${await sealed(false)}; ${await sealed(true)}` } })
  t.ok([answer.headers['set-cookie']].flat().some(line => /^__Host-qlik-session-x=; Max-Age=0; .*Partitioned/.test(String(line))))
  t.equal(revoked, 2)
})

t.test('POST takes a token without an Origin, ignores its body, and without a session does nothing', async t => {
  const stage = await startGateway(t)
  const browser = await stage.signIn()
  const { csrfToken } = await (await browser.fetch(`${stage.origin}/gateway/session`, asScript())).json() as { csrfToken: string }
  const cookie = cookieOf(stage, browser)
  const answer = await fetch(`${stage.origin}/logout`, {
    method: 'POST',
    body: '{"broken',
    headers: { cookie, 'qlik-csrf-token': csrfToken, 'content-type': 'application/json' }
  })
  t.equal(answer.status, 204)
  t.equal(await authenticated(stage, { cookie }), false)
  t.equal((await fetch(`${stage.origin}/logout`, { method: 'POST' })).status, 204)
})

t.test('an older cookie gives back the token that followed from its own', async t => {
  const clock = createClock()
  const stage = await startGateway(t, { clock })
  stage.tenant.controls.set({ rotateRefreshTokens: false })
  const browser = await stage.signIn()
  const cookie = cookieOf(stage, browser)
  clock.aheadMs = 6 * 3_600_000
  await browser.fetch(`${stage.origin}/api/v1/items`, asScript())
  t.not(cookieOf(stage, browser), cookie)
  await fetch(`${stage.origin}/logout`, { headers: { cookie }, redirect: 'manual' })
  await revoked(stage)
  t.equal(await authenticated(stage, { cookie: cookieOf(stage, browser) }), false, 'and ends the newer one')
})

t.test('a slow answer that was under way does not bring the session back', async t => {
  const clock = createClock()
  const stage = await startGateway(t, { clock })
  const browser = await stage.signIn()
  const cookie = cookieOf(stage, browser)
  clock.aheadMs = 6 * 3_600_000
  const signedOut = createGate()
  stage.tenant.controls.addFault({ path: '/api/v1/items', until: signedOut.opened, times: 1 })
  const slow = fetch(`${stage.origin}/api/v1/items`, { headers: { cookie } })
  await until(() => stage.tenant.controls.requests.some(({ path }) => path === '/api/v1/items'))
  await fetch(`${stage.origin}/logout`, { headers: { cookie }, redirect: 'manual' })
  signedOut.open()
  const answer = await slow
  t.same(answer.headers.getSetCookie(), [])
})

t.test('whoever signs out while a code of theirs is exchanged is not signed in by its answer', async t => {
  const stage = await startGateway(t)
  const { controls } = stage.tenant
  const browser = createBrowser({ stopAt: url => url.href.startsWith(`${stage.origin}/login/callback`) })
  const callback = (await login(browser, `${stage.origin}/login?returnto=/healthz`, alice)).headers.get('location') as string
  controls.clear()
  const gate = createGate()
  controls.addFault({ path: '/oauth/token', until: gate.opened, times: 1 })
  const signingIn = browser.fetch(callback, { redirect: 'manual' })
  await until(() => controls.requests.some(({ path }) => path === '/oauth/token'))
  const signedOut = await browser.fetch(`${stage.origin}/logout`, { redirect: 'manual' })
  gate.open()
  t.notMatch(
    signedOut.headers.getSetCookie().join(),
    'qlik-session',
    'a browser that sent no session may get one meanwhile: none is cleared'
  )
  const answer = await signingIn
  t.equal(answer.status, 303)
  t.notMatch(answer.headers.getSetCookie().join(), 'qlik-session')
  await revoked(stage)
})

t.test('signing out ends a session whose answer was lost, unless a foreign page asks for it', async t => {
  const stage = await startGateway(t)
  const browser = createBrowser({ stopAt: url => url.href.startsWith(`${stage.origin}/login/callback`) })
  const callback = (await login(browser, `${stage.origin}/login?returnto=/healthz`, alice)).headers.get('location') as string
  const lost = await fetch(callback, { headers: { cookie: cookieOf(stage, browser) }, redirect: 'manual' })
  const cookie = lost.headers.getSetCookie().map(line => line.split(';', 1)[0]).join('; ')
  for (const [origin, left] of [['https://evil.example', true], [stage.origin, false]] as const) {
    const answer = await browser.fetch(`${stage.origin}/logout`, { method: 'POST', headers: { origin } })
    t.equal(answer.status, 204)
    t.equal(await authenticated(stage, { cookie }), left)
  }
  await revoked(stage)
})

t.test('signing out leaves a login for an embedding page alone, and a login cookie that does not open', async t => {
  const stage = await startGateway(t)
  const browser = createBrowser()
  browser.cookies.set(new URL(stage.origin), 'qlik-login-0123456789ab=1.nothing; Path=/')
  await browser.fetch(`${stage.origin}/login?returnto=/healthz&handover=${'a'.repeat(43)}`, { redirect: 'manual' })
  const answer = await browser.fetch(`${stage.origin}/logout`, { redirect: 'manual' })
  t.equal(answer.status, 303)
  t.same(answer.headers.getSetCookie(), [])
})

t.test('a tenant that does not revoke keeps nobody from signing out', async t => {
  const stage = await startGateway(t)
  const browser = await stage.signIn()
  stage.tenant.controls.addFault({ path: '/oauth/revoke', status: 500 })
  const cookie = cookieOf(stage, browser)
  t.equal((await browser.fetch(`${stage.origin}/logout`, { redirect: 'manual' })).status, 303)
  t.equal(await authenticated(stage, { cookie }), false)
})

t.test('a session without a refresh token has nothing to revoke', async t => {
  const stage = await startGateway(t, { settings: { QLIK_SCOPES: 'user_default' } })
  const browser = await stage.signIn()
  t.equal((await browser.fetch(`${stage.origin}/logout`, { redirect: 'manual' })).status, 303)
  t.equal(stage.tenant.controls.grants.revoke, 0)
})
