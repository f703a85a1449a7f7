import t from 'tap'
import type { Page } from 'playwright-core'
import { launchChromium } from '../helpers/chromium.js'
import { readBars, readRows, readSelections, selectBar, waitForCharts } from './charts.js'
import { fillLogin, openContext, signInByPopup, startEmbedding, type Embedding, type EmbeddingOptions } from './embedding.js'

interface Way {
  options: EmbeddingOptions
  signIn: (page: Page) => Promise<void>
  /** What a page does that has heard of the end of its session. */
  comeBack: (page: Page, embedding: Embedding) => Promise<unknown>
}

const ways: Way[] = [
  {
    options: { example: 'same-origin', siteHost: 'www.company.test', path: '/qlik' },
    signIn: fillLogin,
    comeBack: async page => await page.reload()
  },
  {
    options: { example: 'same-site', siteHost: 'www.company.test', gatewayHost: 'qlik.company.test' },
    signIn: fillLogin,
    // Qlik's client leads to the sign-in when a call is refused.
    comeBack: async (page, { gateway }) => await Promise.all([page.waitForEvent('load'), page.evaluate(host => {
      const address = '/qlik-api/items.js'
      import(address).then(({ getItems }: { getItems: (query: object, options: object) => unknown }) => getItems({ limit: 3 }, { hostConfig: { host, authType: 'cookie' } })).catch(() => {})
    }, gateway)])
  },
  {
    options: { example: 'cross-site', siteHost: 'www.customer.test', gatewayHost: 'qlik.vendor.test', settings: { COOKIE_MODE: 'cross-site' } },
    signIn: signInByPopup,
    comeBack: async page => await Promise.all([page.waitForEvent('load'), signInByPopup(page)])
  }
]

const maxMs = 3_600_000
const browser = await launchChromium(t)

for (const { options, signIn, comeBack } of ways) {
  t.test(`a page that stays open, ${options.example}`, async t => {
    const clock = { aheadMs: 0 }
    const settings = { ...options.settings, SESSION_MAX_SECONDS: String(maxMs / 1000) }
    const embedding = await startEmbedding(t, { ...options, settings, now: () => Date.now() + clock.aheadMs })
    const context = await openContext(t, browser)
    const page = await context.newPage()
    const address = `${embedding.site}/report?year=2024#top`
    const events: string[] = []
    await page.exposeFunction('hear', (type: string) => { events.push(type) })
    await page.addInitScript(() => {
      const { hear } = window as unknown as { hear: (type: string) => void }
      window.addEventListener('qlik-gateway', event => { hear((event as CustomEvent<{ type: string }>).detail.type) })
    })
    await page.goto(address)
    await signIn(page)
    await waitForCharts(page, 'sales-by-region')

    await t.test('when the gateway drains, charts resume at the next one with their selections', async t => {
      const [first] = await readBars(page, 'sales-by-region')
      if (first === undefined) throw new Error('There is no bar to click.')
      await selectBar(page, first)
      const selected = await readSelections(page)
      t.equal(selected.length, 1)
      const before = await readRows(page, 'sales-by-region')
      const { log } = embedding.tenant.controls
      const sockets = log.under('/app/').length
      await embedding.replaceGateway()
      await page.waitForFunction(() => document.querySelector('.qlik-sandbox-notice') === null)
      await waitForCharts(page, 'sales-by-region')
      t.same(await readSelections(page), selected)
      t.same(await readRows(page, 'sales-by-region'), before)
      t.ok(log.under('/app/').length > sockets, 'by another socket')
    })

    await t.test('at the absolute end of its session it hears of it, and goes on after another sign-in', async t => {
      if (options.example === 'cross-site') {
        const warned = page.evaluate(async () => await new Promise(resolve => { window.addEventListener('qlik-gateway', event => { resolve((event as CustomEvent<unknown>).detail) }, { once: true }) }))
        clock.aheadMs = maxMs - 120_000
        t.match(await warned, { type: 'expiring', expiresAt: /^\d{4}-\d\d-\d\dT/ })
      }
      clock.aheadMs = maxMs
      await page.getByText('(4006)').waitFor()
      await comeBack(page, embedding)
      await page.waitForURL(address)
      await waitForCharts(page, 'sales-by-region')
      t.equal(await page.getByText('(4006)').count(), 0)
      t.equal(embedding.tenant.controls.grants.authorization_code, 2)
    })

    await t.test('when the user signs out in another tab, its sockets and its events end', async () => {
      const ended = page.evaluate(async base => await new Promise<void>(resolve => {
        const events = new EventSource(`${base}/gateway/events`, { withCredentials: true })
        events.addEventListener('signed-out', () => { resolve() })
      }), embedding.gateway)
      const second = await context.newPage()
      await second.goto(embedding.site)
      await waitForCharts(second, 'sales-by-region')
      await second.getByText('Sign out').click()
      await page.getByText('(4006)').waitFor()
      await ended
    })
    if (options.example === 'cross-site') t.same(events, ['signed-in', 'expiring', 'signed-out', 'signed-in', 'signed-out'])
  })
}
