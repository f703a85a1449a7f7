import type { Page } from 'playwright-core'
import t from 'tap'
import { launchChromium } from '../helpers/chromium.js'
import { startExample } from '../helpers/example.js'
import { accessToken } from '../helpers/jwt.js'
import { readRows, waitForCharts } from './charts.js'
import { openContext } from './embedding.js'
import { americas, emea } from './portal.js'

const browser = await launchChromium(t)

/** Signs in at the portal, and reads the rows of the first chart. */
async function enter (page: Page, name: string): Promise<string[]> {
  await page.getByLabel('Name').fill(name)
  await page.getByLabel('Password').fill(`${name}-portal`)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await waitForCharts(page, 'sales-by-region')
  return (await readRows(page, 'sales-by-region')).map(({ label }) => label).sort()
}

for (const name of ['own-users', 'own-users-ingress', 'own-users-application']) {
  t.test(`in the example ${name} users of a portal see the rows of their groups, without a login of Qlik's and with ` +
    'no token in the browser', async t => {
    const { address } = await startExample(t, name)
    const context = await openContext(t, browser)
    const page = await context.newPage()
    const seen: Promise<[string, string]>[] = []
    const elsewhere: string[] = []
    context.on('page', popup => { elsewhere.push(popup.url()) })
    page.on('requestfinished', request => {
      const url = request.url()
      if (/\/(?:qlik-statement|gateway\/events)/.test(url) || /\.js$/.test(url)) return
      seen.push((async (): Promise<[string, string]> => {
        const response = await request.response()
        return [url, `${JSON.stringify(response?.headers())}${await response?.text()}`]
      })().catch(() => [url, '']))
    })
    await page.goto(address)
    t.match(page.url(), /\/sign-in$/)
    t.same(await enter(page, 'carol'), emea)
    await page.getByText('Qlik knows Carol Clark').waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('Name').waitFor()
    t.same(await enter(page, 'dave'), americas)
    await page.getByText('Qlik knows Dave Dean').waitFor()
    t.same(elsewhere, [], 'no popup')
    const texts = await Promise.all(seen)
    t.ok(texts.some(([url]) => url.includes('/gateway/session')))
    t.same(texts.filter(([, text]) => accessToken.test(text)).map(([url]) => url), [])
    t.notMatch(
      JSON.stringify([
        await context.cookies(),
        await page.content(),
        await page.evaluate(() => [{ ...localStorage }, { ...sessionStorage }])
      ]),
      accessToken
    )
    t.ok((await context.cookies()).some(cookie => cookie.name.includes('qlik-session')))
    if (name === 'own-users') await tryAgain(page)
  })
}

/** Whoever has signed out of Qlik alone is asked; a portal that does not say who it is gets told, and is asked again by the button. */
async function tryAgain (page: Page): Promise<void> {
  const button = page.locator('[data-qlik-gateway="sign-in"]').getByRole('button')
  await page.evaluate('qlikGateway.signOut()')
  await button.waitFor()
  await page.route('**/qlik-statement', async route => { await route.fulfill({ status: 401 }) }, { times: 1 })
  await button.click()
  await page.getByText('This site does not say who you are (401).').waitFor()
  // The page is loaded anew, and still shows its charts until then.
  await Promise.all([page.waitForEvent('load'), button.click()])
  await waitForCharts(page, 'sales-by-region')
  await page.getByText('Qlik knows Dave Dean').waitFor()
}
