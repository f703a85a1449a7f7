import type { Test } from 'tap'
import type { Identity } from '../../../sandbox/identities.js'
import { alice } from '../../../sandbox/identities.js'
import { longestWaitMs } from '../../helpers/chromium.js'
import { until } from '../../helpers/log.js'

/** What the scenarios need of a tab: pages of Playwright have it as they are. */
export interface Tab {
  goto: (address: string) => Promise<unknown>
  reload: () => Promise<unknown>
  goBack: () => Promise<unknown>
  bringToFront: () => Promise<void>
  /** Runs in the page a function that stands on its own. In WebKit nothing else runs in any tab meanwhile. */
  evaluate: <Result, Argument>(script: (argument: Argument) => Result | Promise<Result>, argument: Argument) => Promise<Result>
  /** A user's click, which may open a popup, at a place of the visible page. */
  mouse: { click: (x: number, y: number) => Promise<void> }
}

/** Tabs that share cookies with one another and with nobody else. */
export interface Profile {
  open: () => Promise<Tab>
  /** Every tab and popup; the same object for the same tab each time. */
  tabs: () => Promise<Tab[]>
}

/** A browser that takes any certificate. Hosts below .localhost are this machine. */
export interface Driver {
  name: string
  openProfile: (t: Test) => Promise<Profile>
}

/** Waits until a script returns something true in a tab, which may load other pages meanwhile. */
export async function waitFor<Argument> (tab: Tab, script: (argument: Argument) => unknown, argument: Argument): Promise<void> {
  // While a page is replaced its scripts fail. Each look takes time from a page that is loading.
  await until(async () => await tab.evaluate(script, argument).catch(() => false), longestWaitMs, 100)
}

/** Waits until the page shows this text. */
export async function waitForText (tab: Tab, text: string): Promise<void> {
  await waitFor(tab, text => document.body.innerText.includes(text), text)
}

/** Waits until a tab is at exactly this address. */
export async function waitForAddress (tab: Tab, address: string): Promise<void> {
  await waitFor(tab, address => window.location.href === address, address)
}

/** Clicks on an element as soon as it is there. */
export async function click (tab: Tab, selector: string): Promise<void> {
  await waitFor(tab, selector => document.querySelector(selector) !== null, selector)
  const { x, y } = await tab.evaluate(selector => {
    const element = document.querySelector(selector)
    element?.scrollIntoView({ block: 'center' })
    const { left, top, width, height } = element?.getBoundingClientRect() ?? new DOMRect()
    return { x: left + width / 2, y: top + height / 2 }
  }, selector)
  await tab.mouse.click(x, y)
}

/** Fills in the identity provider's form, wherever it has opened. */
export async function fillLogin (tab: Tab, { email, password }: Pick<Identity, 'email' | 'password'> = alice): Promise<void> {
  await waitFor(tab, () => document.querySelector('#password') !== null, undefined)
  await tab.evaluate(values => {
    for (const [id, value] of Object.entries(values)) document.querySelector<HTMLInputElement>(`#${id}`)?.setAttribute('value', value)
  }, { username: email, password })
  await click(tab, '[type=submit]')
}

/** The tab or popup that opens meanwhile. */
export async function waitForTab (profile: Profile, act: () => Promise<void>): Promise<Tab> {
  const before = await profile.tabs()
  await act()
  let opened: Tab | undefined
  await until(async () => (opened = (await profile.tabs()).find(tab => !before.includes(tab))) !== undefined, longestWaitMs)
  return opened as Tab
}

/** Clicks the button of embed.js and signs in in the popup; where the identity provider knows the browser still, it asks for nothing. */
export async function signInByPopup (tab: Tab, profile: Profile): Promise<void> {
  const popup = await waitForTab(profile, async () => { await click(tab, '[data-qlik-gateway="sign-in"] button') })
  const isOpen = async () => (await profile.tabs()).includes(popup)
  const hasForm = async () => await popup.evaluate(() => document.querySelector('#password') !== null, undefined).catch(() => false)
  await until(async () => !await isOpen() || await hasForm(), longestWaitMs)
  if (!await isOpen()) return
  // The popup may close by itself between the look and the filling.
  await fillLogin(popup).catch(async error => { if (await isOpen()) throw error })
  await until(async () => !await isOpen(), longestWaitMs)
}
