import type {} from '../../browser/embed.js'
import type { BrowserContext, Page, Response } from 'playwright-core'
import t from 'tap'
import { alice } from '../../sandbox/identities.js'
import { createCertificate } from '../helpers/certificate.js'
import { launchChromium, openTolerant, openWithoutCookiesOf } from '../helpers/chromium.js'
import { startSite } from '#examples/site.js'
import { createClock } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { waitForCharts } from './charts.js'
import { fillLogin, finishPopup, openContext, signInByPopup, startEmbedding, type EmbeddingOptions } from './embedding.js'

const browser = await launchChromium(t)

const crossSite: EmbeddingOptions = {
  example: 'cross-site',
  siteHost: 'www.customer.test',
  gatewayHost: 'qlik.vendor.test',
  settings: { COOKIE_MODE: 'cross-site' }
}
const siteHeaders: Record<string, string> = {}
const clock = createClock()
const embedding = await startEmbedding(t, { ...crossSite, siteHeaders, clock })

const shown = async (page: Page) => await page.getByText(`${alice.name} sees 5 items`).waitFor()

/** The session that a page holds. */
async function readHeld (page: Page): Promise<string | undefined> {
  return await page.evaluate(
    async () => (await window.qlikGateway.getRestCallAuthParams({ method: 'GET' })).headers['qlik-gateway-session']
  )
}

t.test('the browser of these tests blocks third-party cookies, or they would prove nothing', async t => {
  const startEmpty = async (host: string, headers: Record<string, string | string[]> = {}) => {
    const { port, close } = await startSite({
      page: new URL('file:///dev/null'), values: () => ({}), tls: createCertificate([host]), headers: () => headers
    })
    t.teardown(close)
    return `https://${host}:${port}`
  }
  const site = await startEmpty('www.empty.test')
  const address = await startEmpty('cookies.other.test', {
    'set-cookie': ['plain=1; SameSite=None; Secure', 'parted=1; SameSite=None; Secure; Partitioned'],
    'access-control-allow-origin': site,
    'access-control-allow-credentials': 'true'
  })
  const keptBy = async (context: BrowserContext) => {
    const page = await context.newPage()
    await page.goto(site)
    await page.evaluate(async url => { await fetch(url, { credentials: 'include' }) }, address)
    return (await context.cookies(address)).map(({ name }) => name)
  }
  t.same(await keptBy(await openTolerant(t)), ['plain', 'parted'], 'one that blocks none keeps both')
  t.same(await keptBy(await openContext(t, browser)), ['parted'])
})

t.test('a page of another site signs in by a popup and shows charts', async t => {
  const context = await openContext(t, browser)
  const page = await context.newPage()
  const refused: string[] = []
  page.on('response', response => { if (response.status() >= 400) refused.push(response.url()) })
  await page.goto(`${embedding.site}/report?year=2024#top`)
  const button = page.getByRole('button', { name: 'Sign in' })
  await button.waitFor()
  t.equal(await button.count(), 1, 'one button, however many calls wait')
  await signInByPopup(page)
  await waitForCharts(page, 'sales-by-region')
  await shown(page)
  t.equal(page.url(), `${embedding.site}/report?year=2024#top`)
  t.equal(await button.count(), 0)
  t.same(refused, [], 'no call is refused on the way')
  t.equal(embedding.tenant.controls.grants.authorization_code, 1)
  const cookies = (await context.cookies(embedding.gateway)).filter(({ name }) => name.startsWith('__Host-qlik-session'))
  t.ok(cookies.length > 0 && cookies.every(({ httpOnly, secure, sameSite }) => httpOnly && secure && sameSite === 'None'))
  t.same(await page.evaluate(() => Object.keys(localStorage)), [], 'no verifier is left behind')

  await t.test('signing out in one tab reaches the other, which signs in again and goes on', async t => {
    const second = await context.newPage()
    await second.goto(embedding.site)
    await waitForCharts(second, 'sales-by-region')
    t.equal(await second.getByRole('button', { name: 'Sign in' }).count(), 0, 'a second tab needs no sign-in')
    await second.getByRole('button', { name: 'Sign out' }).click()
    await button.waitFor()
    await second.getByRole('button', { name: 'Sign in' }).waitFor()
    await page.locator('#content').waitFor({ state: 'hidden' })
    t.equal(await page.locator('qlik-embed').count(), 0, 'nothing stays on the screen')
    t.equal(await page.locator('#user').textContent(), '')
    const asked = context.waitForEvent('request', request => new URL(request.url()).pathname === '/oauth/authorize')
    const [popup] = await Promise.all([page.waitForEvent('popup'), button.click()])
    t.equal(new URL((await asked).url()).searchParams.get('prompt'), 'login', 'whoever has signed out is asked who they are')
    await finishPopup(popup)
    for (const tab of [page, second]) {
      await tab.locator('#content').waitFor()
      await shown(tab)
      await waitForCharts(tab, 'sales-by-region')
    }
  })

  await t.test('a session that ends while the page is open: the next call waits for the sign-in and then works', async t => {
    await context.clearCookies({ name: /session/ })
    const call = page.evaluate(async host => {
      const address = '/qlik-api/items.js'
      const { getItems } = await import(address) as { getItems: (query: object, options: object) => Promise<{ status: number }> }
      return (await getItems({ limit: 3 }, { hostConfig: { host, authType: 'qlikGateway' } })).status
    }, embedding.gateway)
    const [popup] = await Promise.all([page.waitForEvent('popup'), page.getByRole('button', { name: 'Sign in' }).click()])
    await finishPopup(popup)
    t.equal(await call, 200)
  })
})

t.test('a tab that is being told that it has no session, while another signs in, goes on with that sign-in', async t => {
  const context = await openContext(t, browser)
  const [first, second] = [await context.newPage(), await context.newPage()]
  let tellAsked = () => {}
  const asked = new Promise<void>(resolve => { tellAsked = resolve })
  let goOn = () => {}
  const signedIn = new Promise<void>(resolve => { goOn = resolve })
  await second.exposeFunction('holdBack', async () => {
    tellAsked()
    await signedIn
  })
  await second.addInitScript(() => {
    const fetchNow = window.fetch.bind(window)
    let isFirst = true
    window.fetch = async (input, init) => {
      const answer = await fetchNow(input, init)
      const isHeldBack = isFirst && answer.url.endsWith('/gateway/session')
      if (isHeldBack) {
        isFirst = false
        await (window as unknown as { holdBack: () => Promise<void> }).holdBack()
      }
      return answer
    }
  })
  await Promise.all([first.goto(embedding.site), second.goto(embedding.site)])
  await asked
  await signInByPopup(first)
  await shown(first)
  goOn()
  await shown(second)
  await waitForCharts(second, 'sales-by-region')
  t.equal(await second.getByRole('button', { name: 'Sign in' }).count(), 0)
})

t.test('where the opener is cut off, the popup becomes the page, and the page that waits goes on', async t => {
  siteHeaders['cross-origin-opener-policy'] = 'same-origin'
  t.teardown(() => { delete siteHeaders['cross-origin-opener-policy'] })
  const context = await openContext(t, browser)
  const page = await context.newPage()
  await page.goto(`${embedding.site}/?a=1#part`)
  const [popup] = await Promise.all([context.waitForEvent('page'), page.getByRole('button', { name: 'Sign in' }).click()])
  await fillLogin(popup)
  await shown(popup)
  t.equal(popup.url(), `${embedding.site}/?a=1#part`, 'the code is gone from the address')
  await shown(page)
  await waitForCharts(page, 'sales-by-region')
})

t.test('where popups are blocked, the whole page goes to the sign-in and comes back, below a path of the gateway too', async t => {
  const embedding = await startEmbedding(t, { ...crossSite, path: '/analytics/qlik' })
  const context = await openContext(t, browser)
  await context.addInitScript(() => { window.open = () => null })
  const page = await context.newPage()
  await page.goto(`${embedding.site}/deep/page?a=1&b=%2F#part`)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await fillLogin(page)
  await waitForCharts(page, 'sales-by-region')
  t.equal(page.url(), `${embedding.site}/deep/page?a=1&b=%2F#part`)

  await t.test('a code that another browser asked for gives no session here', async t => {
    // Without scripts the page at the end stays where the code can be read.
    const attacker = await (await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: false })).newPage()
    await attacker.goto(`${embedding.gateway}/login?${new URLSearchParams({ returnto: `${embedding.site}/`, handover: 'a'.repeat(43) })}`)
    await fillLogin(attacker)
    const address = await attacker.locator('main').getAttribute('data-address') ?? ''
    t.match(address, '/#qlik-gateway-code=')
    const victim = await openContext(t, browser)
    const page = await victim.newPage()
    await page.goto(address)
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
    t.equal(page.url(), `${embedding.site}/`)
    t.same((await victim.cookies(embedding.gateway)).filter(({ name }) => name.includes('session')), [])
  })
})

t.test('a page that holds its session keeps it in memory alone: loaded anew it comes back by itself while the tenant ' +
  'knows its user, and else by the form', async t => {
  const context = await openWithoutCookiesOf(t, 'vendor.test', 'customer.test')
  const page = await context.newPage()
  await page.clock.install()
  await page.goto(embedding.site)
  await signInByPopup(page)
  await shown(page)
  const { way, stored } = await page.evaluate(async () => ({
    way: (await window.qlikGateway.session()).way,
    stored: [{ ...localStorage }, ...Object.values(sessionStorage) as string[]]
  }))
  t.equal(way, 'page')
  t.same(stored.filter(value => value !== ''), [{}], 'a note that it was so, and nothing else')

  await t.test('tokens that a call of Qlik\'s client has renewed reach it within half a minute, even if it does nothing more', async t => {
    const { controls } = embedding.tenant
    const refreshes = controls.grants.refresh_token
    // The page's clock too: proofs are dated.
    const pass = async (ms: number) => {
      clock.aheadMs += ms
      await page.clock.fastForward(ms)
    }
    const call = async () => await page.evaluate(async host => {
      const address = '/qlik-api/items.js'
      const { getItems } = await import(address) as { getItems: (query: object, options: object) => Promise<{ status: number }> }
      return (await getItems({ limit: 3 }, { hostConfig: { host, authType: 'qlikGateway' }, noCache: true })).status
    }, embedding.gateway)
    const isTicket = (answer: Response) => answer.url() === `${embedding.gateway}/gateway/ticket`
    await pass(600_000)
    await Promise.all([page.waitForResponse(isTicket), call()])
    controls.addFault({ path: '/api/v1/items', status: 401, times: 1 })
    t.equal(await call(), 200)
    t.equal(controls.grants.refresh_token, refreshes + 1)
    const before = await readHeld(page)
    await Promise.all([page.waitForResponse(isTicket), pass(30_000)])
    await until(async () => await readHeld(page) !== before)
  })

  await page.reload()
  await shown(page)
  t.equal(context.pages().length, 2, 'without a popup, beside the page that every window begins with')

  // The tenant and its identity provider know nobody any more.
  await context.clearCookies()
  await page.reload()
  await fillLogin(page)
  await shown(page)
  t.equal(page.url(), `${embedding.site}/`)
  await context.clearCookies()
  await page.reload()
  await page.getByLabel('Username').waitFor()
  await page.goto(embedding.site)
  await page.getByRole('button', { name: 'Sign in' }).waitFor()
})

t.test('a page registers the module by a name of its own; its popup opens by itself, and its button says what it is told', async t => {
  const embedding = await startEmbedding(t, { ...crossSite, page: 'module.html' })
  const context = await openContext(t, browser)
  const page = await context.newPage()
  const shown = async () => { await page.getByText('5 items').waitFor() }
  const [popup] = await Promise.all([page.waitForEvent('popup'), page.goto(embedding.site)])
  await page.getByRole('button', { name: 'Open the figures' }).waitFor()
  await finishPopup(popup)
  await shown()
  t.equal(await page.evaluate(async host => {
    const address = '/qlik-api/reports.js'
    const { createReport } = await import(address) as { createReport: (body: object, options: object) => Promise<{ status: number }> }
    return (
      await createReport(
        { type: 'sense-image-1.0', output: { outputId: 'one', type: 'pdf' } },
        { hostConfig: { host, authType: 'portal' } }
      )
    ).status
  }, embedding.gateway), 202, 'a write carries the CSRF token')

  for (const [signal, open] of [
    ['visibilitychange', async () => { await page.getByRole('button', { name: 'Open the figures' }).click() }],
    // By itself, once in the life of a page.
    ['online', async () => {}]
  ] as const) {
    await t.test(`a page that wakes up without its session notices (${signal})`, async t => {
      await context.clearCookies({ name: /session/ })
      const popup = page.waitForEvent('popup')
      t.equal(await page.evaluate(async signal => await new Promise(resolve => {
        window.addEventListener('qlik-gateway', event => { resolve((event as CustomEvent<{ type: string }>).detail.type) }, { once: true })
        const target: EventTarget = signal === 'online' ? window : document
        target.dispatchEvent(new Event(signal))
      }), signal), 'signed-out')
      await Promise.all([page.waitForEvent('load'), open(), popup.then(finishPopup)])
      await shown()
    })
  }
})
