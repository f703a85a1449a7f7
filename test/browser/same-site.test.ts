import t from 'tap'
import type { Page } from 'playwright-core'
import { startSite } from '#examples/site.js'
import { SALES_APP_ID } from '../../sandbox/data/apps.js'
import { alice } from '../../sandbox/identities.js'
import { createCertificate } from '../helpers/certificate.js'
import { launchChromium } from '../helpers/chromium.js'
import { waitForCharts } from './charts.js'
import { fillLogin, openContext, pageFile, startEmbedding, type EmbeddingOptions } from './embedding.js'

const browser = await launchChromium(t)

const sameSite: EmbeddingOptions = { example: 'same-site', siteHost: 'www.company.test', gatewayHost: 'qlik.company.test' }

/** A write by the real @qlik/api; the status, or what the client raised. */
async function createItem (page: Page, host: string): Promise<number> {
  return await page.evaluate(async host => {
    const address = '/qlik-api/collections.js'
    const { createCollection } = await import(address) as {
      createCollection: (body: object, options: object) => Promise<{ status: number }>
    }
    try {
      return (await createCollection({ name: 'mine', type: 'private' }, { hostConfig: { host, authType: 'cookie' } })).status
    } catch (error) {
      return (error as { status: number }).status
    }
  }, host)
}

t.test('a page of a sibling host, under the policy of the documentation, signs in by auth type cookie at a gateway below a ' +
  'path, and comes back to its exact address', async t => {
  const path = '/qlik'
  const embedding = await startEmbedding(t, { ...sameSite, path, policy: true })
  const { site, gateway, tenant } = embedding
  const context = await openContext(t, browser)
  const page = await context.newPage()
  const asked: string[] = []
  const answers: string[] = []
  page.on('request', request => { asked.push(request.url()) })
  page.on('response', response => {
    answers.push(`${response.status()} ${response.request().method()} ${new URL(response.url()).pathname}`)
  })
  const address = `${site}/report/7?year=2024&x=%2F%26#top&part`
  await page.goto(address)
  await fillLogin(page)
  await page.waitForURL(address)
  await waitForCharts(page, 'sales-by-region')
  await page.getByText(`${alice.name} sees 5 items`).waitFor()
  t.equal(tenant.controls.grants.authorization_code, 1)
  t.same(
    asked.filter(url => url.startsWith(gateway.slice(0, gateway.length - path.length)) && !url.startsWith(`${gateway}/`)),
    [],
    'nothing was asked for beside the base path'
  )

  await t.test('a CSRF token that does not hold any more is replaced once, by the client itself', async t => {
    const isWrite = (line: string) => /\d+ POST .*\/api\/v1\/collections/.test(line)
    await createItem(page, gateway)
    t.equal(answers.filter(isWrite).length, 1, 'with the right token there is one call')
    answers.length = 0
    // Another login in the same browser: the page holds the token of a session that is gone.
    const other = await context.newPage()
    await other.goto(`${gateway}/logout?returnto=${encodeURIComponent(`${gateway}/healthz`)}`)
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

t.test('documents for frames show in a page of an embed origin, and in no other', async t => {
  const { site, gateway } = await startEmbedding(t, { ...sameSite, page: 'frames.html' })
  // Of the same site, so that the session reaches the gateway from its frames as well.
  const other = await startSite({
    page: pageFile('test/browser/pages/frames.html'),
    values: () => ({ gateway, app: SALES_APP_ID }),
    tls: createCertificate(['other.company.test'])
  })
  t.teardown(other.close)
  const context = await openContext(t, browser)
  const page = await context.newPage()
  await page.goto(`${gateway}/login?returnto=${encodeURIComponent(`${site}/`)}`)
  const answers = ['/single/', '/sense/'].map(
    async path => await page.waitForResponse(answer => new URL(answer.url()).pathname.startsWith(path))
  )
  await fillLogin(page)
  for (const answer of await Promise.all(answers)) {
    const headers = await answer.allHeaders()
    t.equal(
      headers['content-security-policy']?.replaceAll('\n', ', '),
      `default-src 'self' 'unsafe-inline', frame-ancestors ${gateway} ${site}`,
      'the rest of the tenant\'s policy stays'
    )
    t.notOk(headers['x-frame-options'])
  }
  for (const name of ['single', 'sense']) await page.frameLocator(`[name=${name}]`).getByText(`Signed in as ${alice.name}`).waitFor()

  let refused = 0
  page.on('console', message => { if (message.text().includes('frame-ancestors')) refused++ })
  await page.goto(`https://other.company.test:${other.port}/`)
  for (const frame of page.frames().slice(1)) {
    await frame.waitForLoadState()
    t.notMatch(await frame.content(), 'Signed in')
  }
  t.equal(refused, 2)
})
