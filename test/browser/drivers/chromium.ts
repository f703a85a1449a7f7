import type { Browser } from 'playwright-core'
import { openContext } from '../embedding.js'
import type { Driver } from './driver.js'

/** Windows of a Chromium that blocks third-party cookies. */
export function driveChromium (browser: Browser, name = 'Chromium'): Driver {
  return {
    name,
    async openProfile (t) {
      const context = await openContext(t, browser)
      return { open: async () => await context.newPage(), tabs: async () => context.pages() }
    }
  }
}
