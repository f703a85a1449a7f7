import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'

interface Teardown { teardown: (handler: () => Promise<void> | void) => void }

/** A page with what went wrong in it: script errors, errors on the console, answers of 400 and more. */
export interface WatchedPage {
  page: Page
  context: BrowserContext
  faults: string[]
  /** Origins of everything that the page asked for, sockets too. */
  origins: Set<string>
  /** Documents that the page has loaded. */
  loads: string[]
}

/** Starts the Chromium of the system, without any traffic of its own; hosts below .test are this machine. */
export async function launchChromium (t: Teardown, more: string[] = []): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP *.test 127.0.0.1', ...more]
  })
  t.teardown(async () => { await browser.close() })
  return browser
}

/** Opens an empty page with cookies of its own, and watches it. */
export async function openPage (t: Teardown, browser: Browser, viewport = { width: 1280, height: 900 }): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport, locale: 'en-US', timezoneId: 'UTC', reducedMotion: 'reduce' })
  t.teardown(async () => { await context.close() })
  const page = await context.newPage()
  const watched: WatchedPage = { page, context, faults: [], origins: new Set(), loads: [] }
  const note = (url: string) => {
    const { protocol, origin, host } = new URL(url)
    if (protocol !== 'data:' && protocol !== 'blob:') watched.origins.add(protocol.startsWith('ws') ? `ws://${host}` : origin)
  }
  page.on('request', request => { note(request.url()) })
  page.on('websocket', socket => { note(socket.url()) })
  page.on('response', response => { if (response.status() >= 400) watched.faults.push(`${response.status()} ${response.url()}`) })
  page.on('pageerror', error => { watched.faults.push(error.stack ?? error.message) })
  page.on('console', message => { if (message.type() === 'error') watched.faults.push(message.text()) })
  page.on('load', () => { watched.loads.push(page.url()) })
  return watched
}
