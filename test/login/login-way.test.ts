import t from 'tap'
import { alice } from '../../sandbox/identities.js'
import { startTenant } from '../../sandbox/tenant.js'
import { CookieJar, createBrowser, login, type Browser } from '../helpers/browser-jar.js'
import { createClock, startGateway, type Running, type Stage } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { reservePort } from '../helpers/ports.js'

const logins = ({ tenant: { controls } }: Stage) => controls.requests.filter(({ path }) => path === '/oauth/authorize').length
const exchanges = ({ tenant: { controls } }: Stage) => controls.grants.authorization_code

/** Where a visit of /login leads first: back, to the tenant, or to a page. */
async function visit (stage: Stage, browser: Browser, query = ''): Promise<string> {
  const answer = await browser.fetch(`${stage.origin}/login?returnto=/healthz${query}`, { redirect: 'manual' })
  const location = answer.headers.get('location')
  if (location === null) return /GW-[A-Z-]+/.exec(await answer.text())?.[0] ?? String(answer.status)
  return location === `${stage.origin}/healthz` ? 'back' : new URL(location).origin === stage.tenant.origin ? 'tenant' : location
}

t.test('where a session lives, /login leads straight back, and to the tenant for who asks for the form', async t => {
  const stage = await startGateway(t)
  const browser = await stage.signIn()
  stage.tenant.controls.clear()
  t.equal(await visit(stage, browser), 'back')
  t.equal(logins(stage), 0)
  t.equal(await visit(stage, browser, '&prompt=login'), 'tenant')
  const { hops } = browser
  await (await browser.fetch(`${stage.origin}/login?prompt=login`)).body?.cancel()
  t.match(hops.map(({ to }) => to).findLast(to => to.includes('/oauth/authorize?')), /[?&]prompt=login(&|$)/)
})

t.test('a session whose token the tenant does not accept any more leads to the tenant', async t => {
  const clock = createClock()
  const stage = await startGateway(t, { clock })
  const browser = await stage.signIn()
  stage.tenant.controls.endAccessTokens()
  t.equal(await visit(stage, browser), 'tenant', 'the access token was ended')
  stage.tenant.controls.revokeAll(alice.id)
  clock.aheadMs = 6 * 3_600_000
  t.equal(await visit(stage, browser), 'tenant', 'nor can it be renewed')
  const other = await stage.signIn()
  stage.tenant.controls.addFault({ path: '/api/v1/users/me', reset: true, times: 1 })
  t.equal(await visit(stage, other), 'tenant', 'the tenant does not answer')
})

t.test('a token that cannot be renewed at the moment is told as such, and the session stays', async t => {
  const clock = createClock()
  const stage = await startGateway(t, { clock })
  const browser = await stage.signIn()
  clock.aheadMs = 6 * 3_600_000
  stage.tenant.controls.addFault({ path: '/oauth/token', status: 403, times: 1 })
  for (const path of ['/login', '/api/v1/items']) {
    const limited = await browser.fetch(stage.origin + path, { redirect: 'manual' })
    t.equal(limited.status, 503)
    t.ok(Number(limited.headers.get('retry-after')) > 0)
    const page = await limited.text()
    t.match(page, 'The tenant issues no more tokens for this user')
    t.match(page, 'GW-TOKEN-LIMIT')
  }
  clock.aheadMs += 60_000
  t.equal(await visit(stage, browser), 'back')
})

t.test('a page that comes again after each 401 is led back three times in a minute, then to one login, then to a page', async t => {
  const clock = createClock()
  const stage = await startGateway(t, { clock })
  const browser = await stage.signIn()
  for (let time = 0; time < 3; time++) t.equal(await visit(stage, browser), 'back')
  const hops = browser.hops.length
  await (await login(browser, `${stage.origin}/login?returnto=/healthz`, alice)).body?.cancel()
  t.ok(browser.hops.slice(hops).some(({ to }) => to.startsWith(stage.tenant.origin)), 'a login')
  t.equal(await visit(stage, browser), 'GW-LOGIN-LOOP')
  t.equal(await visit(stage, browser), 'back', 'the button of the page begins anew')
  for (let time = 1; time < 3; time++) await visit(stage, browser)
  clock.aheadMs = 60_000
  t.equal(await visit(stage, browser), 'back', 'and so does another minute')
  clock.aheadMs = 0
  t.equal(await visit(stage, browser), 'back', 'or a clock that was set back')
})

t.test('a session cookie that the browser does not send back stops at a page after the second login, and no token is left', async t => {
  const stage = await startGateway(t)
  const browser = createBrowser()
  browser.cookies.keeps = name => name !== 'qlik-session'
  const answer = await login(browser, `${stage.origin}/api/v1/items`, alice)
  t.equal(answer.status, 400)
  const page = await answer.text()
  t.match(page, 'GW-SESSION-COOKIE')
  t.match(page, `<input type="hidden" name="returnto" value="${stage.origin}/api/v1/items"><button>Sign in again</button>`)
  t.equal(exchanges(stage), 2)
  t.equal(browser.hops.filter(({ to }) => to.startsWith(`${stage.origin}/login?`)).length, 3)
  await until(() => stage.tenant.controls.liveTokens(alice.id) === 0)
  browser.cookies.keeps = () => true
  t.equal((await browser.fetch(`${stage.origin}/login?returnto=/healthz`)).status, 200, 'and once it does, the button signs in')
})

t.test('the tokens of a session that the browser did not keep are given back once, however often its page comes again', async t => {
  const stage = await startGateway(t)
  const browser = createBrowser()
  browser.cookies.keeps = name => name !== 'qlik-session'
  await (await login(browser, `${stage.origin}/login?returnto=/healthz`, alice)).body?.cancel()
  for (let time = 0; time < 3; time++) t.equal(await visit(stage, browser), 'tenant')
  await until(() => stage.tenant.controls.liveTokens(alice.id) === 0)
  t.equal(stage.tenant.controls.requests.filter(({ path }) => path === '/oauth/revoke').length, 1)
})

t.test('a cookie that no replica of these keys can open stops at a page as well', async t => {
  const stage = await startGateway(t)
  const browser = createBrowser()
  const set = browser.cookies.set.bind(browser.cookies)
  browser.cookies.set = (url, line) => { set(url, line.replace(/^qlik-session=1\../, 'qlik-session=1.*')) }
  const answer = await login(browser, `${stage.origin}/api/v1/items`, alice)
  t.match(await answer.text(), 'GW-LOGIN-LOOP')
  t.equal(exchanges(stage), 2)
})

t.test('two gateways on one host name live side by side under names of their own', async t => {
  const stages = await Promise.all(['sales', 'finance'].map(async name => await startGateway(t, { settings: { COOKIE_NAME: name } })))
  const browser = createBrowser()
  for (const { origin } of stages) t.equal((await login(browser, `${origin}/login?returnto=/healthz`, alice)).status, 200)
  for (const { origin } of [...stages, ...stages]) t.equal((await browser.fetch(`${origin}/api/v1/items`)).status, 200)
  t.same(stages.map(exchanges), [1, 1])
})

t.test('a changed cookie mode costs one login, and nothing of before is left at the tenant', async t => {
  const port = await reservePort()
  const publicUrl = 'https://gateway.test'
  const tenant = await startTenant({ redirectUris: [`${publicUrl}/login/callback`] })
  t.teardown(async () => { await tenant.close() })
  const settings = { PORT: String(port), PUBLIC_URL: publicUrl }
  const jar = new CookieJar()
  const people = createBrowser({ stopAt: url => url.origin === publicUrl })
  const ask = async ({ app }: Running, path: string) => {
    const url = new URL(path, publicUrl)
    const answer = await app.inject({ url: url.pathname + url.search, headers: { accept: 'text/html', cookie: jar.header(url) } })
    for (const line of [answer.headers['set-cookie'] ?? []].flat()) jar.set(url, line)
    return answer
  }
  const signIn = async (gateway: Running) => {
    const { headers } = await ask(gateway, '/login?returnto=/healthz')
    const back = await login(people, headers.location as string, alice)
    return await ask(gateway, back.headers.get('location') as string)
  }
  const sameSite = await startGateway(t, { tenant, settings })
  t.equal((await signIn(sameSite)).statusCode, 303)
  await sameSite.app.close()
  const crossSite = await startGateway(t, {
    tenant,
    settings: { ...settings, COOKIE_MODE: 'cross-site', EMBED_ORIGINS: 'https://www.customer.test' }
  })
  t.equal((await ask(crossSite, '/api/v1/items')).statusCode, 302)
  t.equal((await signIn(crossSite)).statusCode, 303)
  t.equal((await ask(crossSite, '/api/v1/items')).statusCode, 200)
  t.same(jar.names(publicUrl).filter(name => name.includes('session')), ['__Host-qlik-session-x'])
  await until(() => tenant.controls.liveTokens(alice.id) === 1)
  t.equal((await ask(crossSite, '/logout')).statusCode, 303)
  await until(() => tenant.controls.liveTokens(alice.id) === 0)
})

t.test('who signs out and in again within the minute is not taken for one who kept no cookie', async t => {
  const stage = await startGateway(t)
  const browser = await stage.signIn()
  for (let time = 0; time < 3; time++) {
    await (await browser.fetch(`${stage.origin}/logout?returnto=/healthz`)).body?.cancel()
    t.equal((await browser.fetch(`${stage.origin}/login?returnto=/healthz`)).status, 200)
  }
  t.equal(exchanges(stage), 4)
})
