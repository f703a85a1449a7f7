import t from 'tap'
import { driveWebKit } from './drivers/webkit.js'
import { tryWay, ways } from './scenarios.js'

t.test('a page of another site, for which WebKit keeps no cookie: it holds its session itself', async t => {
  await tryWay(t, await driveWebKit(t), { ...ways['cross-site'], keepsNoCookie: true })
})
