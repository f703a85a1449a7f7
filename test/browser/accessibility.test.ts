import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type axe from 'axe-core'
import type { Page } from 'playwright-core'
import t from 'tap'
import { alice } from '../../sandbox/identities.js'
import { renderHandover } from '../../src/login/handover-page.js'
import { launchChromium, openPage } from '../helpers/chromium.js'
import { startGateway } from '../helpers/gateway.js'
import { readSelections, waitForCharts } from './charts.js'
import { signIn } from './page.js'
import { computeSales } from './sales.js'

const browser = await launchChromium(t)
const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe-core finds serious or worse in a page, light and dark, but for Qlik's own list of values and bar of selections. */
async function findFaults (page: Page): Promise<string[]> {
  await page.evaluate(source)
  const faults: string[] = []
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    faults.push(...await page.evaluate(async colorScheme => {
      const { violations } = await (window as unknown as { axe: typeof axe }).axe.run(
        { exclude: ['[ui="analytics/field"]', '[ui="analytics/selections"]'] },
        // All else is the same in the dark.
        colorScheme === 'dark' ? { runOnly: { type: 'rule', values: ['color-contrast', 'link-in-text-block'] } } : {}
      )
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
    }, colorScheme))
  }
  return faults
}

/** Every text that a page shows or reads out. */
async function readTexts (page: Page): Promise<string[]> {
  return await page.evaluate(() => {
    const names = ['aria-label', 'aria-description', 'title', 'alt']
    const named = [...document.querySelectorAll(names.map(name => `[${name}]`).join())]
    return [
      ...document.body.innerText.split('\n'),
      ...named.flatMap(element => names.map(name => element.getAttribute(name) ?? ''))
    ]
  })
}

t.test('axe-core finds nothing serious on any page, light or dark, and charts are used by the keyboard', async t => {
  const stage = await startGateway(t)
  await stage.tenant.warmUp()
  const { page } = await openPage(t, browser, { width: 1400, height: 900 })
  await page.setContent('<img src="data:,">')
  t.ok((await findFaults(page)).some(fault => fault.startsWith('image-alt: ')), 'it is at work')
  await page.goto(stage.origin)
  await page.getByRole('link', { name: 'Sign in' }).waitFor()
  t.same(await findFaults(page), [], 'signed out')

  await signIn(page, `${stage.origin}/`, alice)
  await waitForCharts(page, 'total-sales', 'sales-by-region', 'sales-by-product', 'sales-by-month', 'orders')
  await page.getByText('Items 1 to 5').waitFor()
  t.same(await findFaults(page), [], 'signed in')

  await t.test('what it shows and reads out are words, no keys of translations', async t => {
    const texts = await readTexts(page)
    t.ok(texts.length > 100)
    t.same(texts.filter(text => /^\w+(?:\.\w+)+$/.test(text.trim()) && !/^[\d.]+$/.test(text.trim())), [])
    t.same(
      (await page.locator('[object-id="total-sales"]').innerText()).split('\n'),
      ['Sales', computeSales('EMEA').total.toLocaleString('en-US'), '37.8%', 'Margin rate'],
      'a figure and the words beside it are apart'
    )
  })

  await t.test('by the keyboard alone a chart is reached, its values are walked through, and one is selected and left again', async t => {
    const { byRegion: [first, second] } = computeSales('EMEA')
    const list = page.getByRole('listbox', { name: 'Sales by region' })
    const current = list.locator('.current')
    await page.getByRole('button', { name: 'Sign out' }).focus()
    // A figure comes first.
    for (let stops = 0; stops < 5 && !await list.evaluate(element => element === document.activeElement); stops++) {
      await page.keyboard.press('Tab')
    }
    t.ok(
      await list.evaluate(
        element =>
          element === document.activeElement &&
          getComputedStyle(element).outlineStyle === 'solid' &&
          getComputedStyle(element).opacity === '1'
      ),
      'it is seen where the keyboard is'
    )
    t.equal(await current.innerText(), `${first?.label}: ${first?.value.toLocaleString('en-US')}`)
    await page.keyboard.press('ArrowRight')
    t.equal(await current.innerText(), `${second?.label}: ${second?.value.toLocaleString('en-US')}`)
    await page.keyboard.press('End')
    t.match(await current.innerText(), 'Middle East & Africa')
    await page.keyboard.press('ArrowLeft')
    t.match(await current.innerText(), 'DACH')
    await page.keyboard.press('Home')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.locator('#selections').getByText(second?.label ?? '').waitFor()
    t.same(await readSelections(page), [`Region: ${second?.label}`])
    await list.locator('[aria-selected="true"]').waitFor()
    t.equal(await list.getByRole('option').count(), 1)
    t.same(await findFaults(page), [], 'while the chart has the focus')
    await page.keyboard.press(' ')
    await list.getByText(first?.label ?? '').waitFor()
    t.same(await readSelections(page), [])
    await page.keyboard.press('Tab')
    t.equal(
      await page.evaluate(() => document.activeElement?.closest('.card')?.getAttribute('aria-label')),
      'Sales by product',
      'the keyboard is not caught'
    )
  })

  await page.goto(`${stage.origin}/?app=nowhere`)
  await page.getByText('You see no app nowhere').waitFor()
  t.same(await findFaults(page), [], 'an app that there is not')

  await page.goto(`${stage.origin}/login/callback?code=x&state=y`)
  await page.getByRole('heading').waitFor()
  t.same(await findFaults(page), [], 'an error')
  t.equal(
    await page.evaluate(() => getComputedStyle(document.body).backgroundColor),
    'rgb(18, 24, 21)',
    'dark where the reader wants it, as the demo'
  )
  await page.getByRole('button').click()
  await page.locator('#account').waitFor()

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
