import t from 'tap'
import type { Page } from 'playwright-core'
import { alice } from '../../sandbox/identities.js'
import { launchChromium } from '../helpers/chromium.js'
import { waitForCharts } from './charts.js'
import { fillLogin, openContext, startEmbedding, type EmbeddingOptions } from './embedding.js'

const browser = await launchChromium(t, ['--test-third-party-cookie-phaseout'])

const sameSite: EmbeddingOptions = { example: 'same-site', siteHost: 'www.company.test', gatewayHost: 'qlik.company.test' }

/** A write by the real @qlik/api; the status, or what the client raised. */
async function createItem (page: Page, host: string): Promise<number> {
  return await page.evaluate(async host => {
    const address = '/qlik-api/collections.js'
    const { createCollection } = await import(address) as { createCollection: (body: object, options: object) => Promise<{ status: number }> }
    try {
      return (await createCollection({ name: 'mine', type: 'private' }, { hostConfig: { host, authType: 'cookie' } })).status
    } catch (error) {
      return (error as { status: number }).status
    }
  }, host)
}

for (const path of ['', '/qlik']) {
  t.test(`a page of a sibling host signs in by auth type cookie and comes back to its exact address; the gateway is at "${path}/"`, async t => {
    const embedding = await startEmbedding(t, { ...sameSite, path })
    const { site, gateway, tenant } = embedding
    const context = await openContext(t, browser)
    const page = await context.newPage()
    const asked: string[] = []
    const answers: string[] = []
    page.on('request', request => { asked.push(request.url()) })
    page.on('response', response => { answers.push(`${response.status()} ${response.request().method()} ${new URL(response.url()).pathname}`) })
    const address = `${site}/report/7?year=2024&x=%2F%26#top&part`
    await page.goto(address)
    await fillLogin(page)
    await page.waitForURL(address)
    await waitForCharts(page, 'sales-by-region')
    await page.getByText(`${alice.name} sees 5 items`).waitFor()
    t.equal(tenant.controls.grants.authorization_code, 1)
    t.same(asked.filter(url => url.startsWith(gateway.slice(0, gateway.length - path.length)) && !url.startsWith(`${gateway}/`)), [], 'nothing was asked for beside the base path')

    await t.test('a CSRF token that does not hold any more is replaced once, by the client itself', async t => {
      const isWrite = (line: string) => /\d+ POST .*\/api\/v1\/collections/.test(line)
      await createItem(page, gateway)
      t.equal(answers.filter(isWrite).length, 1, 'with the right token there is one call')
      answers.length = 0
      // Another login in the same browser: the page holds the token of a session that is gone.
      const other = await context.newPage()
      await other.goto(`${gateway}/login?returnto=${encodeURIComponent(site)}`)
      await other.waitForURL(`${site}/`)
      await createItem(page, gateway)
      const writes = answers.filter(isWrite)
      t.equal(writes.length, 2)
      t.match(writes[0], /^403/)
      t.notMatch(writes[1], /^40[13]/)
    })

    await t.test('signing out ends the session, and the next call leads to the sign-in', async () => {
      tenant.controls.clear()
      await page.getByRole('link', { name: 'Sign out' }).click()
      await page.waitForURL(url => url.href.startsWith(site) || url.href.startsWith(tenant.idpOrigin))
      await waitForCharts(page, 'sales-by-region')
    })
  })
}
