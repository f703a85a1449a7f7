import t from 'tap'
import { SUPPORT_APP_ID } from '../../sandbox/data/apps.js'
import { alice } from '../../sandbox/identities.js'
import { launchChromium, openPage } from '../helpers/chromium.js'
import { startGateway } from '../helpers/gateway.js'
import { reservePort } from '../helpers/ports.js'
import { waitForCharts } from './charts.js'
import { readTroubles, signIn } from './page.js'

const browser = await launchChromium(t)

t.test('below a path, and for a query of its own, the page shows what it is told to', async t => {
  const port = await reservePort()
  const home = `http://localhost:${port}/qlik/`
  const stage = await startGateway(t, { settings: { PUBLIC_URL: home, PORT: String(port) } })
  const { page, faults } = await openPage(t, browser)
  const query = new URLSearchParams([
    ['app', SUPPORT_APP_ID],
    ['object', 'tickets-by-region'],
    ['object', 'resolution-by-team'],
    ['field', 'Team']
  ])
  await signIn(page, `${home}?${query}`, alice)
  await waitForCharts(page, 'tickets-by-region', 'resolution-by-team')
  await page.locator('[field-id="Team"]').getByText('Payments').waitFor()
  t.equal(await page.getByLabel('Chart ids').inputValue(), 'tickets-by-region, resolution-by-team')

  await t.test('the form changes the address, and with it what is shown', async () => {
    await page.getByLabel('Chart ids').fill('')
    await page.getByLabel('Field').fill('')
    await page.getByLabel('Sheet id').fill('overview')
    await page.getByRole('button', { name: 'Show' }).click()
    await page.waitForURL(`${home}?app=${SUPPORT_APP_ID}&sheet=overview`)
    await page.getByText('Tickets by month').waitFor()
  })

  await t.test('for an app that the user does not see, the page offers those that they do', async t => {
    await page.goto(`${home}?app=nowhere`)
    await page.getByText('You see no app nowhere on this tenant.').waitFor()
    await page.locator('.choice').getByRole('link', { name: 'Outdoor sales' }).click()
    await page.getByText('Sales by product').waitFor()
    t.same(faults, [])
  })

  await t.test('each panel says in words when the tenant is out of reach, and tries again', async t => {
    stage.tenant.controls.addFault({ path: '/api/v1/items', status: 503, times: 2 })
    await page.goto(home)
    await page.waitForFunction(() => document.querySelectorAll('.problem').length === 2)
    for (const text of await readTroubles(page)) t.match(text, /^The tenant did not answer\. Try again in a moment\./)
    await page.locator('#cards').getByRole('button', { name: 'Try again' }).click()
    await waitForCharts(page, 'sales-by-region')
    await page.locator('#items').getByRole('button', { name: 'Try again' }).click()
    await page.getByText('Items 1 to 5').waitFor()
    t.same(await readTroubles(page), [])
  })

  await t.test('without a session the page leads to the sign-in and back', async t => {
    stage.tenant.controls.revokeAll(alice.id)
    await page.goto(`${home}?app=${SUPPORT_APP_ID}#items-panel`)
    const link = page.locator('#items').getByRole('link', { name: 'Sign in again' })
    t.equal(await link.getAttribute('href'), `${home}login?returnto=${encodeURIComponent(`/qlik/?app=${SUPPORT_APP_ID}#items-panel`)}`)
    await link.click()
    await page.waitForURL(`${home}?app=${SUPPORT_APP_ID}#items-panel`)
    await page.getByText('Items 1 to 5').waitFor()
  })
})
