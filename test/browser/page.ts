import type { Page } from 'playwright-core'
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

/** What a page shows when something went wrong, whoever drew it. */
export async function readTroubles (page: Page): Promise<string[]> {
  return await page
    .locator('.problem, #notice:not([hidden]), .qlik-sandbox-message[data-kind="error"], .qlik-sandbox-notice')
    .allInnerTexts()
}
