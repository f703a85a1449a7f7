import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import t from 'tap'
import { alice } from '../../sandbox/identities.js'
import { launchChromium, openPage } from '../helpers/chromium.js'
import { startGateway } from '../helpers/gateway.js'
import { reservePort } from '../helpers/ports.js'
import { until } from '../helpers/log.js'
import { waitForCharts } from './charts.js'
import { fillLogin, openContext, pageFile, startEmbedding } from './embedding.js'
import { readTroubles, signIn, withCharts } from './page.js'

const browser = await launchChromium(t)

/** The recipe of the documentation for pages that hear of the end of their session. */
function readRecipe (gateway: string): string {
  const [, recipe = ''] = /```js\n(const gateway = [^]*?)```\n/.exec(readFileSync(pageFile('docs/embedding.md'), 'utf8')) ?? []
  return recipe.replace('https://qlik.example.com', gateway)
}

t.test('eight tabs with the recipe of the documentation share one stream of events: calls of each are answered, and ' +
  'each hears of the end', async t => {
  const { site, gateway } = await startEmbedding(t, {
    example: 'same-site',
    page: 'events.html',
    siteHost: 'www.company.test',
    gatewayHost: 'qlik.company.test',
    policy: true,
    values: gateway => ({ recipe: readRecipe(gateway) })
  })
  const context = await openContext(t, browser)
  const page = await context.newPage()
  await page.goto(`${gateway}/login?returnto=${encodeURIComponent(`${gateway}/healthz`)}`)
  await fillLogin(page)
  await page.waitForURL(`${gateway}/healthz`)
  const streams: string[] = []
  context.on('request', request => { if (request.url().endsWith('/gateway/events')) streams.push(request.url()) })
  const tabs: Page[] = []
  const call = async (tab: Page) =>
    await tab.evaluate(async address => (await fetch(address, { credentials: 'include' })).status, `${gateway}/api/v1/items`)
  while (tabs.length < 8) {
    const tab = await context.newPage()
    await tab.goto(site)
    tabs.push(tab)
  }
  await until(() => streams.length > 0)
  for (const tab of tabs) t.equal(await call(tab), 200)
  t.equal(streams.length, 1)

  // Whoever held the stream is gone.
  const [next] = await Promise.all([
    context.waitForEvent('request', request => request.url() === `${gateway}/gateway/events`),
    tabs.shift()?.close()
  ])
  await next.response()
  for (const tab of tabs) t.equal(await call(tab), 200)
  const loads = tabs.map(async tab => await tab.waitForEvent('load'))
  await page.goto(`${gateway}/logout?returnto=${encodeURIComponent(`${gateway}/healthz`)}`)
  await Promise.all(loads)
  for (const tab of tabs) t.equal(await call(tab), 401)
})

t.test('tabs of the demo share one stream of events, and say nothing of a user any more when one of them signs out', async t => {
  const stage = await startGateway(t)
  const { page, context } = await openPage(t, browser)
  const streams: string[] = []
  context.on('request', request => { if (request.url().endsWith('/gateway/events')) streams.push(request.url()) })
  // Without charts, which nobody looks at here.
  const address = `${stage.origin}/?app=nowhere`
  await signIn(page, address, alice)
  const tabs = [await context.newPage(), await context.newPage()]
  for (const tab of tabs) {
    await tab.goto(address)
    await tab.locator('#account').waitFor()
  }
  await until(() => streams.length > 0)
  t.equal(streams.length, 1)
  await page.getByRole('button', { name: 'Sign out' }).click()
  for (const tab of tabs) {
    await tab.getByText('Your session has ended').first().waitFor()
    t.notOk(await tab.locator('#account').isVisible(), 'the header and the notice do not contradict each other')
  }
})

t.test('five tabs that are restored at once each end where they began, with one grant', async t => {
  const stage = await startGateway(t)
  const { page, context } = await openPage(t, browser)
  const tabs = [page, ...await Promise.all([2, 3, 4, 5].map(async () => await context.newPage()))]
  await Promise.all(tabs.map(async (tab, at) => await tab.goto(`${stage.origin}/api/v1/items?limit=${at + 1}`)))
  for (const [at, tab] of tabs.entries()) {
    await fillLogin(tab)
    await tab.waitForURL(`${stage.origin}/api/v1/items?limit=${at + 1}`)
  }
  for (const tab of tabs) t.equal(await tab.evaluate(async () => (await fetch('/api/v1/items')).status), 200)
  await until(() => stage.tenant.controls.liveTokens(alice.id) === 1)
})

t.test('two tabs whose calls are refused while the identity provider is slow sign in once each, and stand still', async t => {
  const { site, tenant, running } = await startEmbedding(t, {
    example: 'same-site',
    siteHost: 'www.company.test',
    gatewayHost: 'qlik.company.test'
  })
  const context = await openContext(t, browser)
  const tabs = [await context.newPage(), await context.newPage()]
  tenant.controls.addFault({ path: '/oauth/authorize', delayMs: 700 })
  let begun = 0
  running.signals.on('login', step => { if (step === 'started') begun++ })
  await Promise.all(tabs.map(async tab => { await tab.goto(site) }))
  for (const tab of tabs) {
    await tab.waitForURL(url => url.origin === tenant.idpOrigin)
    await fillLogin(tab)
  }
  for (const tab of tabs) {
    await waitForCharts(tab, 'sales-by-region')
    await tab.getByText(`${alice.name} sees 5 items`).waitFor()
  }
  t.equal(begun, 2)
  await until(() => tenant.controls.liveTokens(alice.id) === 1)
})

t.test('charts resume when the only process is restarted', async t => {
  const settings = { PORT: String(await reservePort()) }
  const stage = await startGateway(t, { settings })
  const { page } = await openPage(t, browser)
  await signIn(page, stage.origin + withCharts('sales-by-region'), alice)
  await waitForCharts(page, 'sales-by-region')
  const { controls } = stage.tenant
  const sockets = () => controls.log.under('/app/').length
  const before = sockets()
  await stage.app.close()
  await startGateway(t, { settings, tenant: stage.tenant })
  await until(() => sockets() > before)
  await page.waitForFunction(() => document.querySelector('.qlik-sandbox-notice') === null)
  await waitForCharts(page, 'sales-by-region')
  t.same(await readTroubles(page), [])
})
