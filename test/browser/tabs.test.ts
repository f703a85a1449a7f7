import t from 'tap'
import { alice } from '../../sandbox/identities.js'
import { launchChromium, openPage } from '../helpers/chromium.js'
import { startGateway } from '../helpers/gateway.js'
import { makeVendorFiles, signIn } from './page.js'

await makeVendorFiles()
const browser = await launchChromium(t)

t.test('eight tabs of one browser share one stream of events: calls of each are answered, and each hears of the end', async t => {
  const stage = await startGateway(t)
  const { page, context } = await openPage(t, browser)
  const streams: string[] = []
  context.on('request', request => { if (request.url().endsWith('/gateway/events')) streams.push(request.url()) })
  await signIn(page, `${stage.origin}/`, alice)
  const tabs = [page]
  while (tabs.length < 8) {
    const tab = await context.newPage()
    await tab.goto(stage.origin)
    tabs.push(tab)
  }
  for (const tab of tabs) {
    await tab.locator('#account').waitFor()
    t.equal(await tab.evaluate(async () => (await fetch('api/v1/items')).status), 200)
  }
  t.equal(streams.length, 1)
  await page.getByRole('button', { name: 'Sign out' }).click()
  for (const tab of tabs.slice(1)) {
    await tab.getByText('Your session has ended').first().waitFor()
    t.notOk(await tab.locator('#account').isVisible(), 'and does not say who is signed in any more')
  }
})
