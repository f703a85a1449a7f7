import t from 'tap'
import { driveWebKit } from './drivers/webkit.js'
import { tryPortal } from './portal.js'
import { tryWay, ways } from './scenarios.js'

const driver = await driveWebKit(t)

for (const name of ['same-origin', 'same-site'] as const) {
  t.test(`a page that embeds, ${name}, in WebKit`, async t => { await tryWay(t, driver, ways[name]) })
}

t.test('a page of another site, for which WebKit keeps no cookie: it holds its session itself', async t => {
  await tryWay(t, driver, { ...ways['cross-site'], keepsNoCookie: true })
})

t.test('a page of another site whose server says who its user is: WebKit keeps no cookie, and nobody signs in', async t => {
  await tryPortal(t, driver, { keepsNoCookie: true })
})
