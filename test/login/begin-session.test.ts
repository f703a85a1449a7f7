import t from 'tap'
import { alice, bob, type Identity } from '../../sandbox/identities.js'
import { createBrowser, login, type Browser } from '../helpers/browser-jar.js'
import { createGate } from '../helpers/gate.js'
import { asScript, createClock, startGateway, type Stage } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'

type SessionAnswer = { authenticated: boolean, csrfToken: string, user: { id: string } }

const sessionOf = async (stage: Stage, cookie: string) =>
  await (await fetch(`${stage.origin}/gateway/session`, asScript({ headers: { cookie } }))).json() as SessionAnswer

const cookieOf = (stage: Stage, browser: Browser) => browser.cookies.header(new URL(stage.origin))

/** Signs in once more in this browser, as whom the identity provider asks for. */
async function signInAgain (stage: Stage, browser: Browser, user: Identity): Promise<void> {
  browser.cookies.clear('sandbox-okta')
  await browser.fetch(`${stage.tenant.origin}/logout`)
  await (await login(browser, `${stage.origin}/login?returnto=/healthz&prompt=login`, user)).body?.cancel()
}

t.test('the same user signing in goes on with the same session and the new tokens', async t => {
  const stage = await startGateway(t)
  const browser = await stage.signIn()
  const before = await sessionOf(stage, cookieOf(stage, browser))
  const events = await fetch(`${stage.origin}/gateway/events`, { headers: { cookie: cookieOf(stage, browser) } })
  const heard: string[] = []
  const reader = (events.body as ReadableStream<Uint8Array>).getReader()
  const listening = (async () => {
    for (let read = await reader.read(); !read.done; read = await reader.read()) heard.push(Buffer.from(read.value).toString())
  })()
  await signInAgain(stage, browser, alice)
  t.equal((await sessionOf(stage, cookieOf(stage, browser))).csrfToken, before.csrfToken, 'its id is the same')
  await until(() => stage.tenant.controls.liveTokens(alice.id) === 1)
  t.pass('the tokens of before were given back')
  t.equal((await browser.fetch(`${stage.origin}/api/v1/items`, asScript())).status, 200)
  t.notMatch(heard.join(''), 'signed-out')
  await browser.fetch(`${stage.origin}/logout`, { redirect: 'manual' })
  await listening
  t.match(heard.join(''), 'signed-out', 'until somebody signs out')
})

t.test('another user signing in ends the session that was there', async t => {
  const stage = await startGateway(t)
  const browser = await stage.signIn()
  const before = cookieOf(stage, browser)
  await signInAgain(stage, browser, bob)
  t.match(await sessionOf(stage, cookieOf(stage, browser)), { authenticated: true, user: { id: bob.id } })
  t.equal((await sessionOf(stage, before)).authenticated, false)
  await until(() => stage.tenant.controls.liveTokens(alice.id) === 0)
  t.equal(stage.tenant.controls.liveTokens(bob.id), 1)
})

t.test('a slow request of before a new sign-in is served, and neither ends nor displaces what followed', async t => {
  const clock = createClock()
  const stage = await startGateway(t, { clock })
  const browser = await stage.signIn()
  const before = cookieOf(stage, browser)
  clock.aheadMs = 1_000
  await signInAgain(stage, browser, alice)
  await until(() => stage.tenant.controls.liveTokens(alice.id) === 1)
  clock.aheadMs = 6 * 3_600_000
  const slow = await fetch(`${stage.origin}/api/v1/items`, asScript({ headers: { cookie: before } }))
  t.equal(slow.status, 200)
  browser.cookies.store(new URL(stage.origin), slow.headers)
  t.equal((await browser.fetch(`${stage.origin}/api/v1/items`, asScript())).status, 200)
  t.equal(stage.tenant.controls.liveTokens(alice.id), 1)
})

t.test('a session that its user has signed in to again lives as long as a new one, with the cookie of before too', async t => {
  const clock = createClock()
  const stage = await startGateway(t, { clock, settings: { SESSION_MAX_SECONDS: '1000', SESSION_IDLE_SECONDS: '1000' } })
  const browser = await stage.signIn()
  const before = cookieOf(stage, browser)
  clock.aheadMs = 900_000
  await signInAgain(stage, browser, alice)
  clock.aheadMs = 1_800_000
  t.equal((await sessionOf(stage, before)).authenticated, false, 'unless it was not used for too long')
  const used = await fetch(`${stage.origin}/api/v1/items`, asScript({ headers: { cookie: cookieOf(stage, browser) } }))
  t.equal(used.status, 200)
})

t.test('where tokens cannot be renewed, those of before a new sign-in end nothing that followed', async t => {
  const clock = createClock()
  const stage = await startGateway(t, { clock, settings: { QLIK_SCOPES: 'user_default' } })
  const browser = await stage.signIn()
  const before = cookieOf(stage, browser)
  clock.aheadMs = 3 * 3_600_000
  await signInAgain(stage, browser, alice)
  const slow = await fetch(`${stage.origin}/gateway/check`, { headers: { cookie: before } })
  t.equal(slow.status, 204, 'they serve until they end')
  t.same(slow.headers.getSetCookie(), [], 'and displace nothing')
  clock.aheadMs = 7 * 3_600_000
  t.equal((await fetch(`${stage.origin}/api/v1/items`, asScript({ headers: { cookie: before } }))).status, 401)
  t.equal((await sessionOf(stage, cookieOf(stage, browser))).authenticated, true)
})

t.test('an answer of a sign-in that arrives after that of a later one takes nothing away', async t => {
  const stage = await startGateway(t)
  const browser = createBrowser({ stopAt: url => url.href.startsWith(`${stage.origin}/login/callback`) })
  const callbacks: URL[] = []
  for (let tab = 0; tab < 2; tab++) {
    callbacks.push(new URL((await login(browser, `${stage.origin}/login`, alice)).headers.get('location') as string))
  }
  const headers = { cookie: cookieOf(stage, browser) }
  const answers = []
  for (const callback of callbacks) answers.push(await fetch(callback, { headers, redirect: 'manual' }))
  for (const answer of answers.reverse()) browser.cookies.store(new URL(stage.origin), answer.headers)
  t.equal((await browser.fetch(`${stage.origin}/api/v1/items`, asScript())).status, 200)
  await until(() => stage.tenant.controls.liveTokens(alice.id) === 1)
})

t.test('answers to two users that overtake each other leave one grant with the next sign-in, whoever signs in', async t => {
  for (const next of [alice, bob]) {
    const stage = await startGateway(t)
    const { controls } = stage.tenant
    const browser = createBrowser({ stopAt: url => url.href.startsWith(`${stage.origin}/login/callback`) })
    const answers = []
    const callbacks = []
    for (const user of [alice, bob]) {
      browser.cookies.clear('sandbox-okta')
      await browser.fetch(`${stage.tenant.origin}/logout`)
      callbacks.push(String((await login(browser, `${stage.origin}/login?returnto=/healthz`, user)).headers.get('location')))
    }
    const headers = { cookie: cookieOf(stage, browser) }
    for (const callback of callbacks) answers.push(await fetch(callback, { headers, redirect: 'manual' }))
    await until(() => controls.liveTokens(alice.id) === 0)
    for (const answer of answers.reverse()) browser.cookies.store(new URL(stage.origin), answer.headers)
    t.equal((await sessionOf(stage, cookieOf(stage, browser))).authenticated, false, 'the browser has a session that has ended')
    browser.cookies.clear('sandbox-okta')
    await browser.fetch(`${stage.tenant.origin}/logout`)
    await browser.fetch((await login(browser, `${stage.origin}/login?returnto=/healthz`, next)).headers.get('location') as string)
    t.match(await sessionOf(stage, cookieOf(stage, browser)), { authenticated: true, user: { id: next.id } })
    await until(() => controls.liveTokens(alice.id) + controls.liveTokens(bob.id) === 1)
  }
})

t.test('tokens that a refresh brings while their user signs in again are given back', async t => {
  const clock = createClock()
  const stage = await startGateway(t, { clock })
  const browser = await stage.signIn()
  clock.aheadMs = 6 * 3_600_000 - 30_000
  const signedIn = createGate()
  stage.tenant.controls.addFault({ path: '/oauth/token', grantType: 'refresh_token', until: signedIn.opened, times: 1 })
  const slow = browser.fetch(`${stage.origin}/api/v1/items`, asScript())
  await until(() => stage.tenant.controls.log.under('/oauth/token').length === 2)
  await signInAgain(stage, browser, alice)
  signedIn.open()
  t.equal((await slow).status, 200)
  t.equal((await browser.fetch(`${stage.origin}/api/v1/items`, asScript())).status, 200)
  await until(() => stage.tenant.controls.liveTokens(alice.id) === 1)
})

t.test('tabs that sign in at the same time share one session and leave one grant', async t => {
  const stage = await startGateway(t)
  const browser = createBrowser({ stopAt: url => url.href.startsWith(`${stage.origin}/login/callback`) })
  const callbacks: string[] = []
  for (let tab = 0; tab < 5; tab++) {
    callbacks.push((await login(browser, `${stage.origin}/login?returnto=/healthz`, alice)).headers.get('location') as string)
  }
  await Promise.all(callbacks.map(async callback => await browser.fetch(callback, { redirect: 'manual' })))
  t.equal((await sessionOf(stage, cookieOf(stage, browser))).authenticated, true)
  await until(() => stage.tenant.controls.liveTokens(alice.id) === 1)
})
