import t from 'tap'
import { launchChromium } from '../helpers/chromium.js'
import { driveChromium } from './drivers/chromium.js'
import { tryWay, ways } from './scenarios.js'

const driver = driveChromium(await launchChromium(t))

// The other ways are tried each night, and so are the other browsers.
t.test('a page that embeds, cross-site, under the policy of the documentation, in Chromium', async t => {
  const way = ways['cross-site']
  await tryWay(t, driver, { ...way, options: { ...way.options, policy: true } })
})
