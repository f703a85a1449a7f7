import t from 'tap'
import { driveFirefox } from './drivers/firefox.js'
import { tryWay, ways } from './scenarios.js'

t.test('a page of another site, for which Firefox keeps a cookie of its own', async t => {
  await tryWay(t, await driveFirefox(t), ways['cross-site'])
})
