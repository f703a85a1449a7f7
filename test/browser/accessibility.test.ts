import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type axe from 'axe-core'
import type { Page } from 'playwright-core'
import t from 'tap'
import { alice } from '../../sandbox/identities.js'
import { renderHandover } from '../../src/login/handover-page.js'
import { launchChromium, openPage } from '../helpers/chromium.js'
import { startStage } from '../helpers/gateway.js'
import { waitForCharts } from './charts.js'
import { makeVendorFiles, signIn } from './page.js'

await makeVendorFiles()
const browser = await launchChromium(t)
const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe-core finds serious or worse in a page, but for what Qlik's components draw. */
async function findFaults (page: Page): Promise<string[]> {
  await page.evaluate(source)
  return await page.evaluate(async () => {
    const { violations } = await (window as unknown as { axe: typeof axe }).axe.run({ exclude: ['qlik-embed'] })
    return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
  })
}

for (const colorScheme of ['light', 'dark'] as const) {
  t.test(`axe-core finds nothing serious on any page, ${colorScheme}`, async t => {
    const stage = await startStage(t)
    await stage.tenant.warmUp()
    const { page } = await openPage(t, browser)
    await page.emulateMedia({ colorScheme })
    await page.setContent('<img src="data:,">')
    t.ok((await findFaults(page)).some(fault => fault.startsWith('image-alt: ')), 'it is at work')
    await page.goto(stage.origin)
    await page.getByRole('link', { name: 'Sign in' }).waitFor()
    t.same(await findFaults(page), [], 'signed out')

    await signIn(page, `${stage.origin}/`, alice)
    await waitForCharts(page, 'sales-by-region')
    await page.getByText('Items 1 to 5').waitFor()
    t.same(await findFaults(page), [], 'signed in')

    await page.goto(`${stage.origin}/?app=nowhere`)
    await page.getByText('You see no app nowhere').waitFor()
    t.same(await findFaults(page), [], 'an app that there is not')

    await page.goto(`${stage.origin}/login/callback?code=x&state=y`)
    await page.getByRole('heading').waitFor()
    t.same(await findFaults(page), [], 'an error')

    // Its script would lead on at once.
    await page.setContent(renderHandover({ challenge: 'x', popup: true }, 'x', stage.origin).replace(/<script>[^]*<\/script>/, ''))
    await page.getByText('You can close this window').waitFor()
    t.same(await findFaults(page), [], 'the end of a sign-in in a popup')

    await page.goto('about:blank')
    await page.setContent(`<a href="${stage.origin}/logout">Out</a>`)
    await page.getByRole('link', { name: 'Out' }).click()
    await page.getByText('Another site asks to sign you out').waitFor()
    t.same(await findFaults(page), [], 'a foreign page that asks to sign out')

    await page.goto(stage.origin)
    await page.locator('#account').waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByText('You are signed out here').waitFor()
    t.same(await findFaults(page), [], 'after signing out')
  })
}
