import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { alice } from '../../sandbox/identities.js'
import { bareNode } from '../helpers/bare-node.js'
import { launchChromium } from '../helpers/chromium.js'
import { startExample } from '../helpers/example.js'
import { waitForCharts } from './charts.js'
import { fillLogin, openContext } from './embedding.js'

const browser = await launchChromium(t)

// The other ways to embed start by the same command; they are tried each night.
t.test('the example cross-site starts by its command, serves its page, signs in, and stops', async t => {
  const { example, exited, said, address } = await startExample(t, 'cross-site')
  t.match(said, alice.password)
  const gateway = /The gateway: +(\S+)/.exec(said)?.[1]
  // Without scripts: what they make of the page is tried elsewhere.
  const context = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: false })
  t.teardown(async () => { await context.close() })
  const page = await context.newPage()
  await page.goto(address)
  t.match(await page.content(), `data-host="${gateway}"`)
  await page.goto(`${gateway}/login?returnto=/gateway/session`)
  await fillLogin(page)
  await page.getByText(alice.name).waitFor()
  // To the command alone, which must take the gateway along.
  example.kill('SIGINT')
  t.same(await exited, [0, null])
  await t.rejects(page.goto(address), /ERR_CONNECTION_REFUSED/)
})

t.test('the example several-tenants shows a chart of each of two tenants, and the one in view mode refuses what would ' +
  'change it, and says so', async t => {
  const { example, exited, said, address } = await startExample(t, 'several-tenants')
  t.match(said, 'engineMode: view')
  const page = await (await openContext(t, browser)).newPage()
  const logged: string[] = []
  page.on('console', message => { logged.push(message.text()) })
  await page.goto(address)
  for (const tenant of ['acme', 'globex']) {
    await page.getByRole('link', { name: `Sign in at ${tenant}` }).click()
    // Both sandbox tenants are on one host: the identity provider of one may be the other's to the browser.
    await fillLogin(page)
    await page.getByRole('button', { name: `Rename the chart of ${tenant}` }).waitFor()
  }
  await waitForCharts(page, 'sales-by-region', 'tickets-by-region')
  await page.getByRole('button', { name: 'Rename the chart of acme' }).click()
  await page.locator('#acme').getByText('The chart has a new title.').waitFor()
  await page.getByRole('button', { name: 'Rename the chart of globex' }).click()
  await page.locator('#globex').getByText(/SetProperties is refused by the gateway.*ENGINE_MODE=view/).waitFor()
  t.ok(
    logged.some(text => /SetProperties is refused by the gateway.*ENGINE_MODE=view/.test(text)),
    'the console names the method and the setting'
  )
  example.kill('SIGINT')
  t.same(await exited, [0, null])
})

t.test('an example that is none is refused with the names of those that there are', async t => {
  const [command, ...words] = bareNode
  const example = spawn(command, [...words, 'examples/start.js', 'other'], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  example.stderr.on('data', chunk => { said += String(chunk) })
  t.same(await once(example, 'exit'), [2, null])
  t.match(said, /same-origin \| same-site \| cross-site \| own-users.* \| several-tenants/)
})
