import type {} from '../../browser/embed.js'
import type { Frame, FrameLocator, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { startSite } from '#examples/site.js'
import { alice } from '../../sandbox/identities.js'
import { createCertificate } from '../helpers/certificate.js'
import { limitTests, openTolerant } from '../helpers/chromium.js'
import { finishPopup, pageFile, startEmbedding } from './embedding.js'

limitTests(t)

/** A page of a site of its own that frames another; its origin. */
async function frame (t: Test, host: string, inner: string): Promise<string> {
  const site = await startSite({
    page: pageFile('test/browser/pages/around.html'),
    values: () => ({ inner }),
    tls: createCertificate([host])
  })
  t.teardown(site.close)
  return `https://${host}:${site.port}`
}

async function signIn (page: Page, inner: FrameLocator): Promise<void> {
  const [popup] = await Promise.all([page.waitForEvent('popup'), inner.getByRole('button', { name: 'Sign in' }).click()])
  await finishPopup(popup)
}

t.test('a page that is framed three deep, on three sites, signs in, shows charts and signs out; each site around it ' +
  'has a session of its own', async t => {
  const embedding = await startEmbedding(t, {
    example: 'cross-site', siteHost: 'www.customer.test', gatewayHost: 'qlik.vendor.test', settings: { COOKIE_MODE: 'cross-site' }
  })
  const middle = await frame(t, 'portal.middle.test', embedding.site)
  const outer = await frame(t, 'www.outer.test', middle)
  // With third-party cookies blocked Chromium also denies such a frame its storage, without which Qlik's client does not start.
  const context = await openTolerant(t)
  const page = await context.newPage()
  await page.goto(outer)
  const inner = page.frameLocator('[name=inner]').frameLocator('[name=inner]')
  await signIn(page, inner)
  await inner.getByText(`${alice.name} sees 5 items`).waitFor()
  await inner.locator('.njs-viz[data-render-count]:not([data-render-count="0"])').first().waitFor()
  t.equal(embedding.tenant.controls.grants.authorization_code, 1)
  const framed = page.frames().find(each => each.url().startsWith(embedding.site)) as Frame
  t.equal(await framed.evaluate(async () => (await window.qlikGateway.session()).way), 'cookie')

  const alone = await context.newPage()
  await alone.goto(embedding.site)
  await alone.getByRole('button', { name: 'Sign in' }).waitFor()

  await inner.getByRole('button', { name: 'Sign out' }).click()
  await inner.getByRole('button', { name: 'Sign in' }).waitFor()
  t.equal(await inner.locator('qlik-embed:visible').count(), 0)
})
