import t from 'tap'
import { launchChromium, launchChromiumWith, limitTests } from '../helpers/chromium.js'
import { driveChromium, driveChromiumWithoutCookies } from '../browser/drivers/chromium.js'
import { driveFirefox } from '../browser/drivers/firefox.js'
import { driveWebKit } from '../browser/drivers/webkit.js'
import { tryPortal } from '../browser/portal.js'
import { tryWay, ways } from '../browser/scenarios.js'

// npm test has the page of another site in Chromium.
for (const name of ['same-origin', 'same-site'] as const) {
  t.test(`a page that embeds, ${name}, under the policy of the documentation, in Chromium`, async t => {
    const way = ways[name]
    await tryWay(t, driveChromium(await launchChromium(t)), { ...way, options: { ...way.options, policy: true } })
  })
}

for (const [name, drive, keepsNoCookie] of [['Firefox', driveFirefox, false], ['WebKit', driveWebKit, true]] as const) {
  for (const way of ['same-origin', 'same-site', 'cross-site'] as const) {
    t.test(`a page that embeds, ${way}, in ${name}`, async t => {
      await tryWay(t, await drive(t), { ...ways[way], keepsNoCookie: keepsNoCookie && way === 'cross-site' })
    })
  }
  t.test(`a page of another site whose server says who its user is, in ${name}`, async t => {
    await tryPortal(t, await drive(t), { keepsNoCookie })
  })
}

t.test('a page of another site, in a Chromium without any third-party cookies', async t => {
  const browser = await launchChromiumWith(t, ['--test-third-party-cookie-phaseout'])
  await tryWay(t, driveChromium(browser), ways['cross-site'])
})

t.test('a page of another site holds its session itself in a Chromium that keeps no cookie of the gateway there, ' +
  'under its policy', async t => {
  limitTests(t)
  const { options } = ways['cross-site']
  await tryWay(t, driveChromiumWithoutCookies('vendor.localhost', 'customer.localhost'), {
    ...ways['cross-site'],
    options: { ...options, policy: true },
    keepsNoCookie: true
  })
})

t.test('a page of another site holds its session itself in a Firefox that blocks all third-party cookies', async t => {
  await tryWay(t, await driveFirefox(t, { 'network.cookie.cookieBehavior': 1 }), { ...ways['cross-site'], keepsNoCookie: true })
})
