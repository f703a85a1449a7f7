import t from 'tap'
import { alice } from '../../sandbox/identities.js'
import { visitDemo } from '../../sandbox/test/demo-visit.js'
import { waitForCharts } from '../browser/charts.js'
import { fillLogin, openContext, signInByPopup } from '../browser/embedding.js'
import { bare } from '../helpers/bare-node.js'
import { launchChromium } from '../helpers/chromium.js'
import { startExample } from '../helpers/example.js'

t.test('the command of the README builds the demo, serves the dashboard, signs in and stops cleanly', async t => {
  await visitDemo(t, [...bare, 'npm', 'run', 'demo'])
})

for (const [name, signIn] of Object.entries({ 'same-origin': fillLogin, 'same-site': fillLogin, 'cross-site': signInByPopup })) {
  t.test(`the example ${name} starts by its command, signs in, shows a chart, and stops`, async t => {
    const { example, exited, said, address } = await startExample(t, name)
    t.match(said, alice.password)
    const page = await (await openContext(t, await launchChromium(t))).newPage()
    await page.goto(address)
    await signIn(page)
    await waitForCharts(page, 'sales-by-region')
    await page.getByText(`${alice.name} sees 5 items`).waitFor()
    // To the command alone, which must take the gateway along.
    example.kill('SIGINT')
    t.same(await exited, [0, null])
    await t.rejects(page.goto(address), /ERR_CONNECTION_REFUSED/)
  })
}
