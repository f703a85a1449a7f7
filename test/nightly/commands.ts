import t from 'tap'
import { alice } from '../../sandbox/identities.js'
import { visitDemo } from '../../sandbox/test/demo-visit.js'
import { waitForCharts } from '../browser/charts.js'
import { fillLogin, openContext, signInByPopup } from '../browser/embedding.js'
import { launchChromium } from '../helpers/chromium.js'
import { startExample } from '../helpers/example.js'

t.test('the command of the README builds the demo, serves the dashboard, signs in and stops cleanly', async t => {
  await visitDemo(t, ['npm', 'run', 'demo'])
})

for (const [name, signIn] of Object.entries({ 'same-origin': fillLogin, 'same-site': fillLogin, 'cross-site': signInByPopup })) {
  t.test(`the example ${name} signs in and shows a chart`, async t => {
    const { address } = await startExample(t, name)
    const page = await (await openContext(t, await launchChromium(t))).newPage()
    await page.goto(address)
    await signIn(page)
    await waitForCharts(page, 'sales-by-region')
    await page.getByText(`${alice.name} sees 5 items`).waitFor()
  })
}
