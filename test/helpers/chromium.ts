import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import type { Test } from 'tap'

/** The longest that a test in a browser waits for one thing. */
export const longestWaitMs = 90_000
// Scripts in pages wait without any limit of the browser's: the test that runs them has one.
const longestTestMs = 240_000

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

// The first two prepare pages for suggestions below the address bar, by a process for each window that costs as much as a
// page of ours, and the third keeps a process ready for a next page. The others are of Playwright's own list, which the
// switch replaces: pages notice them, or Chromium would ask the world for something.
const disabledFeatures = [
  'WebUIOmniboxPopup', 'WebUIOmniboxAimPopup', 'SpareRendererForSitePerProcess',
  'AimEnabled', 'AvoidCorsURLLoaderRestartOnRedirect', 'AvoidUnnecessaryBeforeUnloadCheckSync', 'DestroyProfileOnBrowserClose',
  'HttpsFirstBalancedModeAutoEnable', 'HttpsUpgrades', 'MediaRouter', 'NetworkTimeServiceQuerying', 'OptimizationHints',
  'PaintHolding', 'PreconnectToSearch', 'ThirdPartyStoragePartitioning'
]

// Without any traffic of its own; hosts below .test are this machine. Pages are open for seconds, in which optimizing
// their code costs more than it saves.
const options = {
  executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP *.test 127.0.0.1',
    '--js-flags=--no-opt --no-maglev', `--disable-features=${disabledFeatures.join()}`
  ]
}

/** Gives every test of a file a limit of time. */
export function limitTests (t: Test): void {
  t.beforeEach(t => { t.setTimeout(longestTestMs) })
}

let shared: Promise<Browser> | undefined

/**
 * The Chromium of the system, and a limit of time for every test of the file. Its windows block third-party cookies. All files of a
 * process share one until the tests end that asked first: what windows keep is kept by their contexts.
 */
export async function launchChromium (t: Test): Promise<Browser> {
  limitTests(t)
  if (shared === undefined) {
    shared = chromium.launch(options)
    t.teardown(async () => {
      const browser = await shared
      shared = undefined
      await browser?.close()
    })
  }
  return await shared
}

/** Starts a Chromium of its own with these switches. */
export async function launchChromiumWith (t: Test, switches: string[]): Promise<Browser> {
  limitTests(t)
  const browser = await chromium.launch({ ...options, args: [...options.args, ...switches] })
  t.teardown(async () => { await browser.close() })
  return browser
}

/** A window of a Chromium that takes third-party cookies, as it can be set in a profile only. */
export async function openTolerant (t: Test): Promise<BrowserContext> {
  return await openWithPreferences(t, { cookie_controls_mode: 0 })
}

/** A window of a Chromium that keeps no cookie of `host`, partitioned or not, in pages of other sites. */
export async function openWithoutCookiesOf (t: Test, host: string, site: string): Promise<BrowserContext> {
  const [pattern, block] = [`[*.]${host},[*.]${site}`, { setting: 2 }]
  return await openWithPreferences(t, { content_settings: { exceptions: { cookies: { [pattern]: block } } } })
}

async function openWithPreferences (t: Test, preferences: object): Promise<BrowserContext> {
  const profile = await mkdtemp(join(tmpdir(), 'chromium-'))
  await mkdir(join(profile, 'Default'))
  await writeFile(join(profile, 'Default', 'Preferences'), JSON.stringify({ profile: preferences }))
  const context = await chromium.launchPersistentContext(profile, { ...options, ignoreHTTPSErrors: true })
  t.teardown(async () => { await rm(profile, { recursive: true, force: true }) })
  attend(t, context)
  return context
}

/**
 * Limits what is waited for in a window, and closes it when the test ends. If the test has failed, it says first what the
 * pages show, and the last that they asked for.
 */
export function attend (t: Test, context: BrowserContext): void {
  context.setDefaultTimeout(longestWaitMs)
  const news: string[] = []
  const note = (what: string, url: string) => { news.push(`${new Date().toISOString()} ${what} ${url}`) }
  context.on('request', request => { note(request.method(), request.url()) })
  context.on('response', response => { note(String(response.status()), response.url()) })
  context.on('requestfailed', request => { note(String(request.failure()?.errorText), request.url()) })
  t.teardown(async () => {
    if (!t.passing()) {
      for (const page of context.pages()) {
        const shown = await page.locator('body').innerText({ timeout: 5_000 }).catch(String)
        console.error(`${t.name}: ${page.url()} shows\n${shown}`)
      }
      console.error(news.slice(-60).join('\n'))
    }
    await context.close()
  })
}

/** Opens an empty page with cookies of its own, and watches it. */
export async function openPage (t: Test, browser: Browser, viewport = { width: 1280, height: 900 }): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport, locale: 'en-US', timezoneId: 'UTC', reducedMotion: 'reduce' })
  attend(t, context)
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
