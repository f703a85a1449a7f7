import { launch, type Page } from 'puppeteer-core'
import type { Test } from 'tap'
import { limitTests } from '../../helpers/chromium.js'
import type { Driver, Tab } from './driver.js'

/** Preferences of a Firefox that asks nothing of the world outside this machine. */
const quiet = {
  // Every name leads to this machine.
  'network.dns.forceResolve': '127.0.0.1',
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.tabs.unloadOnLowMemory': false
}

/** Starts the Firefox of the system. Each profile is a container of its own. */
export async function driveFirefox (t: Test, preferences: Record<string, unknown> = {}): Promise<Driver> {
  limitTests(t)
  const browser = await launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX_PATH ?? '/usr/bin/firefox-esr',
    acceptInsecureCerts: true,
    extraPrefsFirefox: { ...quiet, ...preferences }
  })
  t.teardown(async () => { await browser.close() })
  return {
    name: 'Firefox',
    async openProfile (t) {
      const context = await browser.createBrowserContext()
      t.teardown(async () => { await context.close() })
      const known = new Map<Page, Tab>()
      const asTab = (page: Page): Tab => {
        const tab = known.get(page) ?? wrapPage(page)
        known.set(page, tab)
        return tab
      }
      return { open: async () => asTab(await context.newPage()), tabs: async () => (await context.pages()).map(asTab) }
    }
  }
}

function wrapPage (page: Page): Tab {
  return {
    goto: async address => await page.goto(address),
    reload: async () => await page.reload(),
    goBack: async () => await page.goBack(),
    bringToFront: async () => { await page.bringToFront() },
    evaluate: async (script, argument) => await page.evaluate(script as (argument: unknown) => never, argument),
    mouse: page.mouse
  }
}
