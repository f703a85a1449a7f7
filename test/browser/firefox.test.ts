import t from 'tap'
import { driveFirefox } from './drivers/firefox.js'
import { tryPortal } from './portal.js'
import { tryWay, ways } from './scenarios.js'

const driver = await driveFirefox(t)

for (const [name, way] of Object.entries(ways)) {
  t.test(`a page that embeds, ${name}, in Firefox`, async t => { await tryWay(t, driver, way) })
}

t.test('a page of another site whose server says who its user is, in Firefox', async t => { await tryPortal(t, driver) })
