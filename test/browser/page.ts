import type { Page } from 'playwright-core'
import { SALES_APP_ID } from '../../sandbox/data/apps.js'
import type { Identity } from '../../sandbox/identities.js'

/** Goes from the demo page's link through the tenant and the identity provider, and back to the very address. */
export async function signIn (page: Page, address: string, user: Identity): Promise<void> {
  await page.goto(address)
  await page.getByRole('link', { name: 'Sign in' }).click()
  await page.getByLabel('Username').fill(user.email)
  await page.getByLabel('Password').fill(user.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL(address)
}

/** The path of the demo page with these charts alone, where a test needs no others: drawing them is most of its work. */
export function withCharts (...ids: string[]): string {
  return `/?${new URLSearchParams([['app', SALES_APP_ID], ...ids.map(id => ['object', id])])}`
}

/** What a page shows when something went wrong, whoever drew it. */
export async function readTroubles (page: Page): Promise<string[]> {
  return await page
    .locator('.problem, #notice:not([hidden]), .qlik-sandbox-message[data-kind="error"], .qlik-sandbox-notice')
    .allInnerTexts()
}
