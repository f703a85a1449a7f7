import type { Browser } from 'playwright-core'
import { openWithoutCookiesOf } from '../../helpers/chromium.js'
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

/** Windows of a Chromium that keeps no cookie of `host` in pages of `site`. */
export function driveChromiumWithoutCookies (host: string, site: string): Driver {
  return {
    name: 'Chromium',
    async openProfile (t) {
      const context = await openWithoutCookiesOf(t, host, site)
      return { open: async () => await context.newPage(), tabs: async () => context.pages() }
    }
  }
}
