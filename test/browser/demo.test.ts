import type { Page } from 'playwright-core'
import t from 'tap'
import { alice, bob } from '../../sandbox/identities.js'
import { launchChromium, longestWaitMs, openPage } from '../helpers/chromium.js'
import { asScript, createClock, startGateway } from '../helpers/gateway.js'
import { areInProportion, readBars, readCells, readRows, readTooltip, selectBar, waitForCharts } from './charts.js'
import { fillLogin } from './embedding.js'
import { readTroubles, signIn, withCharts } from './page.js'
import { computeSales, type Bar } from './sales.js'

const charts = ['total-sales', 'sales-by-region', 'sales-by-product', 'sales-by-month', 'orders']
const format = (value: number) => value.toLocaleString('en-US')

const browser = await launchChromium(t)
const stage = await startGateway(t)

/** Waits until a bar chart holds these bars and has drawn them as high as their values want it. */
async function waitForBars (page: Page, id: string, wanted: Bar[]): Promise<void> {
  const until = Date.now() + longestWaitMs
  for (;;) {
    const [rows, bars] = [await readRows(page, id), await readBars(page, id)]
    if (JSON.stringify(rows) === JSON.stringify(wanted) && areInProportion(bars, wanted)) return
    if (Date.now() > until) {
      const heights = bars.map(({ height }) => height).join(', ')
      throw new Error(`${id} shows ${JSON.stringify(rows)} by bars of ${heights} pixels, not ${JSON.stringify(wanted)}`)
    }
    await page.waitForTimeout(100)
  }
}

/** Renews a picture of the documentation, when asked to. */
async function takePicture (page: Page, name: string): Promise<void> {
  if (process.env.UPDATE_SCREENSHOTS === undefined) return
  await page.mouse.move(0, 0)
  await page.screenshot({ path: `docs/images/${name}.png`, animations: 'disabled' })
}

const looks = [['light', 1400, 900, 'light'], ['dark', 1400, 900, 'dark'], ['phone', 390, 844, 'light']] as const

t.test('the page stands still while it loads and never scrolls sideways, on a desk, in the dark and on a phone', async t => {
  const { page } = await openPage(t, browser)
  await page.addInitScript(() => {
    Object.assign(window, { shifted: 0 })
    // https://web.dev/articles/cls: one load is one window of shifts here.
    new PerformanceObserver(list => {
      for (const { value } of list.getEntries() as (PerformanceEntry & { value: number })[]) {
        (window as unknown as { shifted: number }).shifted += value
      }
    }).observe({ type: 'layout-shift', buffered: true })
  })
  await page.goto(`${stage.origin}/login?returnto=/healthz`)
  await fillLogin(page)
  await page.waitForURL(`${stage.origin}/healthz`)
  for (const [name, width, height, colorScheme] of looks) {
    await page.setViewportSize({ width, height })
    await page.emulateMedia({ colorScheme })
    await page.goto(stage.origin)
    await waitForCharts(page, ...charts)
    await page.getByText('Items 1 to 5').waitFor()
    await takePicture(page, `demo-${name}`)
    t.ok(await page.evaluate(() => (window as unknown as { shifted: number }).shifted) < 0.05, name)
    await page.getByText('In a page of your own').click()
    t.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, name)
    t.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor === 'rgb(18, 24, 21)'), colorScheme === 'dark', name)
  }
})

t.test('the page comes compressed, and what bears the hash of its content is kept for good', async t => {
  for (const [encoding, sent] of [['br', 'br'], ['gzip', 'gzip'], ['identity', null]] as const) {
    const answer = await fetch(stage.origin, { headers: { 'accept-encoding': encoding } })
    t.equal(answer.headers.get('content-encoding'), sent)
    t.equal(answer.headers.get('cache-control'), 'no-cache')
    t.match(await answer.text(), '<title>Qlik embed gateway</title>')
  }
  const lead = await (await fetch(`${stage.origin}/vendor/qlik-api.js`)).text()
  const file = /qlik-api\.[0-9a-f]{16}\.js/.exec(lead)?.[0]
  const answer = await fetch(`${stage.origin}/vendor/${file}`, { headers: { 'accept-encoding': 'br' } })
  t.equal(answer.headers.get('cache-control'), 'public, max-age=31536000, immutable')
  t.equal(answer.headers.get('content-encoding'), 'br')
  t.match(await answer.text(), 'getItems')
})

t.test('a user signs in and sees charts of exactly the rows that are theirs', async t => {
  const watched = await openPage(t, browser, { width: 1400, height: 900 })
  const { page } = watched
  await page.goto(stage.origin)
  await page.getByRole('link', { name: 'Sign in' }).waitFor()
  t.equal(await page.locator('qlik-embed').count(), 0, 'signed out, nothing of Qlik is loaded')
  t.equal(
    await page.evaluate(() => document.querySelectorAll('script:not([src]), [onclick], [onload], [style]').length),
    0,
    'nothing is inline that a strict policy forbids'
  )
  await takePicture(page, 'signed-out')

  await signIn(page, `${stage.origin}/?from=mail#content`, alice)
  await waitForCharts(page, ...charts)
  t.equal(await page.locator('.person').innerText(), `AA\n${alice.name}\n${alice.groups.join(', ')}`)
  t.match(await page.locator('.remaining').innerText(), /^Session ends in 23 h 59 min$/)

  const sales = computeSales('EMEA')
  await t.test('bars, tooltip, figure and table show what plain loops compute', async t => {
    await waitForBars(page, 'sales-by-region', sales.byRegion)
    await waitForBars(page, 'sales-by-product', sales.byProduct)
    await page.waitForFunction(
      total => document.querySelector<HTMLElement>('[object-id="total-sales"]')?.innerText.includes(total),
      format(sales.total)
    )
    t.same(await readCells(page, 'orders', 5, 4), sales.orders.slice(0, 5))
    for (const [index, bar] of (await readBars(page, 'sales-by-region')).entries()) {
      const { label = '', value = 0 } = sales.byRegion[index] ?? {}
      t.match(await readTooltip(page, bar, label), format(value), label)
    }
  })

  await t.test('a click on a bar changes the other charts', async t => {
    const [, second] = await readBars(page, 'sales-by-region')
    const { label = '' } = sales.byRegion[1] ?? {}
    if (second === undefined) throw new Error('There is no second bar to click.')
    await selectBar(page, second)
    const selected = computeSales('EMEA', label)
    t.notSame(selected.byProduct, sales.byProduct)
    await waitForBars(page, 'sales-by-product', selected.byProduct)
    await waitForBars(page, 'sales-by-region', selected.byRegion)
    await page.waitForFunction(
      total => document.querySelector<HTMLElement>('[object-id="total-sales"]')?.innerText.includes(total),
      format(selected.total)
    )
    t.match(await page.locator('#selections').innerText(), label)
  })

  await t.test('@qlik/api turns the pages of the tenant\'s content through the gateway', async t => {
    const names = async () => await page.locator('#items tbody th').allInnerTexts()
    t.same((await names()).slice(0, 2), ['Outdoor sales', 'Customer support'])
    await page.getByRole('button', { name: 'Next page' }).click()
    await page.getByText('Items 6 to 10').waitFor()
    t.equal(await page.evaluate(() => document.activeElement?.textContent), 'Next page', 'the keyboard stays where it was')
    await page.getByRole('button', { name: 'Previous page' }).click()
    await page.getByText('Items 1 to 5').waitFor()
    await page.getByRole('link', { name: 'Customer support' }).click()
    await page.getByRole('heading', { name: 'Customer support' }).waitFor()
    await page.getByText('Tickets by priority').waitFor()
  })

  await t.test('another user sees other rows', async t => {
    const other = await openPage(t, browser)
    await signIn(other.page, stage.origin + withCharts('total-sales', 'sales-by-region', 'sales-by-product'), bob)
    await waitForCharts(other.page, 'total-sales', 'sales-by-region', 'sales-by-product')
    const { byRegion, byProduct, total } = computeSales('Americas')
    await waitForBars(other.page, 'sales-by-region', byRegion)
    await waitForBars(other.page, 'sales-by-product', byProduct)
    t.match(await other.page.locator('[object-id="total-sales"]').innerText(), format(total))
    t.same(byRegion.filter(({ label }) => sales.byRegion.some(bar => bar.label === label)), [])
    t.same(other.faults, [])
  })

  const { tenant, origin } = stage
  const known = [origin, `ws://${new URL(origin).host}`, tenant.origin, tenant.idpOrigin]
  t.same([...watched.origins].filter(asked => !known.includes(asked)), [], 'nothing was asked for elsewhere')
  t.same(watched.faults, [])
  t.same(await readTroubles(page), [])
})

t.test('while one token after the other ends a page goes on without noticing, and signing out ends everything', async t => {
  const clock = createClock()
  const stage = await startGateway(t, { clock })
  const { origin, tenant: { controls } } = stage
  const watched = await openPage(t, browser)
  const { page, context } = watched
  await signIn(page, origin + withCharts('sales-by-region', 'sales-by-product'), alice)
  await waitForCharts(page, 'sales-by-region', 'sales-by-product')
  const loads = watched.loads.length
  const sales = computeSales('EMEA')
  await waitForBars(page, 'sales-by-region', sales.byRegion)

  await t.test('one refresh grant for each token that ends, however many requests race', async t => {
    const turns = process.env.EXPIRIES === undefined ? 2 : 4
    for (let turn = 0; turn < turns; turn++) {
      clock.aheadMs += 21_600_000
      const index = turn % sales.byRegion.length
      const bar = (await readBars(page, 'sales-by-region'))[index]
      if (bar === undefined) throw new Error(`There is no bar ${index} to click.`)
      await selectBar(page, bar)
      await waitForBars(page, 'sales-by-product', computeSales('EMEA', sales.byRegion[index]?.label).byProduct)
      const statuses = await page.evaluate(async () => await Promise.all(
        Array.from({ length: 12 }, async (_call, call) => (await fetch(`api/v1/items?limit=1&page=${call}`)).status)
      ))
      t.same(statuses, Array.from({ length: 12 }, () => 200), `turn ${turn}`)
      t.equal(controls.grants.refresh_token, turn + 1)
      // A socket that the tenant cuts is opened again by the client, with whatever token is good then.
      if (turn === 1) controls.closeSockets(4003, 'moved')
      await page.getByTitle('Clear all selections').click()
      await waitForBars(page, 'sales-by-region', sales.byRegion)
      await page.getByRole('button', { name: turn % 2 === 0 ? 'Next page' : 'Previous page' }).click()
      await page.getByText(turn % 2 === 0 ? 'Items 6 to 10' : 'Items 1 to 5').waitFor()
    }

    const tokens = new Set(
      controls.requests.flatMap(({ headers }) => headers.authorization?.startsWith('Bearer ') ? [headers.authorization] : [])
    )
    const { authorization_code: logins, refresh_token: refreshes, refused } = controls.grants
    t.equal(logins, 1)
    t.equal(tokens.size, 1 + refreshes, 'each grant gave a token that was used')
    t.equal(refused, 0, 'no refresh token was used twice')
    t.equal(controls.liveTokens(alice.id), 1)
    t.same(await readTroubles(page), [])
    t.same(watched.faults, [])
    t.equal(watched.loads.length, loads, 'the page was not loaded again')
  })

  await t.test('signing out revokes the tokens, and the old cookie opens nothing', async t => {
    const cookies = (await context.cookies(origin)).filter(({ name }) => name.startsWith('qlik-session'))
    t.ok(cookies.length > 0 && cookies.every(({ httpOnly }) => httpOnly))
    t.match(await page.locator('#browser-facts').innerText(), /Cookies visible to scripts\s+none/)

    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByText('You are signed out here').waitFor()
    t.equal(await page.locator('qlik-embed').count(), 0)
    t.same((await context.cookies(origin)).filter(({ name }) => name.startsWith('qlik-session')), [])
    for (let tries = 0; controls.liveTokens(alice.id) > 0 && tries < 100; tries++) await page.waitForTimeout(50)
    t.equal(controls.liveTokens(alice.id), 0, 'the refresh token is revoked')

    const { refresh_token: before } = controls.grants
    const headers = { cookie: cookies.map(({ name, value }) => `${name}=${value}`).join('; ') }
    const session = await fetch(`${origin}/gateway/session`, asScript({ headers }))
    t.match(await session.json(), { authenticated: false })
    const answer = await fetch(`${origin}/api/v1/users/me`, asScript({ headers }))
    t.equal(answer.status, 401)
    await answer.body?.cancel()
    t.equal(controls.grants.refresh_token, before)
    t.same(watched.faults, [])
  })
})
