import type { Test } from 'tap'
import type {} from '../../browser/embed.js'
import { startExample } from '../helpers/example.js'
import { readRows, waitForCharts } from './charts.js'
import { click, waitFor, waitForText, type Driver } from './drivers/driver.js'

/** The regions that users of these groups see. */
export const emea = ['DACH', 'Middle East & Africa', 'Nordics', 'Southern Europe']
export const americas = ['Canada', 'Central America', 'South America', 'United States']

/**
 * Users of a portal of another site see the rows of their groups, by statements of its server alone: no popup, no button, no redirect.
 * `keepsNoCookie`: the page holds its session itself.
 */
export async function tryPortal (t: Test, driver: Driver, { keepsNoCookie = false } = {}): Promise<void> {
  t.setTimeout(240_000)
  const { address } = await startExample(t, 'own-users')
  const profile = await driver.openProfile(t)
  const tab = await profile.open()
  await tab.goto(address)
  for (const [name, fullName, regions] of [['carol', 'Carol Clark', emea], ['dave', 'Dave Dean', americas]] as const) {
    await waitFor(tab, () => document.querySelector('[name=password]') !== null, undefined)
    await tab.evaluate(values => {
      for (const [field, value] of Object.entries(values)) {
        document.querySelector<HTMLInputElement>(`[name=${field}]`)?.setAttribute('value', value)
      }
    }, { name, password: `${name}-portal` })
    await click(tab, 'form button')
    await waitForText(tab, `Qlik knows ${fullName}`)
    await waitForCharts(tab, 'sales-by-region')
    t.same((await readRows(tab, 'sales-by-region')).map(({ label }) => label).sort(), regions)
    t.equal(await tab.evaluate(async () => (await window.qlikGateway.session()).way, undefined), keepsNoCookie ? 'page' : 'cookie')
    t.equal((await profile.tabs()).length, 1, 'no popup')
    await click(tab, 'form button')
  }
}
