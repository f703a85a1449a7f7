import t from 'tap'
import { launchChromium } from '../helpers/chromium.js'
import { driveChromium } from './drivers/chromium.js'
import { tryWay, ways } from './scenarios.js'

const driver = driveChromium(await launchChromium(t))

for (const [name, way] of Object.entries(ways)) {
  t.test(`a page that embeds, ${name}, under the policy of the documentation, in Chromium`, async t => {
    await tryWay(t, driver, { ...way, options: { ...way.options, policy: true } })
  })
}
