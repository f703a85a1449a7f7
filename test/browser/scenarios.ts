import type { Test } from 'tap'
import { alice } from '../../sandbox/identities.js'
import { until } from '../helpers/log.js'
import type {} from '../../browser/embed.js'
import { readBars, readRows, readSelections, selectBar, waitForCharts } from './charts.js'
import {
  click,
  fillLogin,
  signInByPopup,
  waitFor,
  waitForAddress,
  waitForTab,
  waitForText,
  type Driver,
  type Profile,
  type Tab
} from './drivers/driver.js'
import { startEmbedding, type Embedding, type EmbeddingOptions } from './embedding.js'

interface Way {
  options: EmbeddingOptions
  signIn: (tab: Tab, profile: Profile) => Promise<void>
  /** What a page does that has heard of the end of its session. */
  comeBack: (tab: Tab, profile: Profile, embedding: Embedding) => Promise<unknown>
  signOut: string
  /** What the page shows when its session is over. */
  ended: string
  authType: 'none' | 'cookie' | 'qlikGateway'
  /** The page holds its session itself. */
  keepsNoCookie?: boolean
}

/** The three ways to embed. Names below .localhost need no set-up in any browser. */
export const ways: Record<'same-origin' | 'same-site' | 'cross-site', Way> = {
  'same-origin': {
    options: { example: 'same-origin', siteHost: 'www.company.localhost', path: '/qlik' },
    authType: 'none',
    signIn: async tab => { await fillLogin(tab) },
    comeBack: async tab => await tab.reload(),
    signOut: 'a[href*="/logout"]',
    ended: '.qlik-sandbox-notice'
  },
  'same-site': {
    options: { example: 'same-site', siteHost: 'www.company.localhost', gatewayHost: 'qlik.company.localhost' },
    authType: 'cookie',
    signIn: async tab => { await fillLogin(tab) },
    // Qlik's client leads to the sign-in when a call is refused.
    comeBack: async (tab, _profile, { gateway }) => await tab.evaluate(host => {
      const address = '/qlik-api/items.js'
      import(address)
        .then(({ getItems }: { getItems: (query: object, options: object) => unknown }) =>
          getItems({ limit: 3 }, { hostConfig: { host, authType: 'cookie' } })
        )
        .catch(() => {})
    }, gateway),
    signOut: 'a[href*="/logout"]',
    ended: '.qlik-sandbox-notice'
  },
  'cross-site': {
    options: {
      example: 'cross-site',
      siteHost: 'www.customer.localhost',
      gatewayHost: 'qlik.vendor.localhost',
      settings: { COOKIE_MODE: 'cross-site' }
    },
    authType: 'qlikGateway',
    signIn: signInByPopup,
    comeBack: signInByPopup,
    signOut: '#leave',
    ended: '[data-qlik-gateway="sign-in"] button'
  }
}

const maxMs = 3_600_000
const [first, second] = ['sales-by-region', 'sales-by-product'] as const

/** What must hold in every browser for a page that embeds in one of the ways, from its sign-in to its sign-out. */
export async function tryWay (
  t: Test,
  driver: Driver,
  { options, authType, signIn, comeBack, signOut, ended, keepsNoCookie = false }: Way
): Promise<void> {
  // Seven things one after another, in the slowest of browsers beside other tests.
  t.setTimeout(240_000)
  const clock = { aheadMs: 0 }
  const embedding = await startEmbedding(t, {
    ...options,
    settings: { ...options.settings, SESSION_MAX_SECONDS: String(maxMs / 1000) },
    clock: { now: () => Date.now() + clock.aheadMs }
  })
  const { site, tenant: { controls } } = embedding
  const profile = await driver.openProfile(t)
  const tab = await profile.open()
  const address = `${site}/report?year=2024#top`
  const rows = async () => JSON.stringify(await readRows(tab, second))
  const sockets = () => controls.log.under('/app/').length
  let socketsOfLoad = 0

  await t.test('a user signs in and comes back to the very address', async t => {
    await tab.goto(address)
    await signIn(tab, profile)
    await waitForAddress(tab, address)
    await waitForCharts(tab, first, second)
    await waitForText(tab, `${alice.name} sees 5 items`)
    socketsOfLoad = sockets()
    t.equal(controls.grants.authorization_code, 1)
    if (options.example === 'cross-site') {
      t.equal(await tab.evaluate(async () => (await window.qlikGateway.session()).way, undefined), keepsNoCookie ? 'page' : 'cookie')
    }
    if (keepsNoCookie) t.comment(`${driver.name} signs a call in ${await timeProof(tab)} ms`)
  })

  await t.test('a selection in one chart changes the other', async t => {
    const before = await rows()
    const [bar] = await readBars(tab, first)
    if (bar === undefined) throw new Error('There is no bar to click.')
    await selectBar(tab, bar)
    await until(async () => await rows() !== before)
    t.equal((await readSelections(tab)).length, 1)
  })

  await t.test('@qlik/api uploads a form with a file and a file alone, every byte of them', async t => {
    const sent = await upload(tab, embedding.gateway, authType)
    t.same(sent.statuses, [201, 201])
    t.same(sent.came, ['form 300000', 'file 300000'])
  })

  await t.test('when the gateway drains, charts resume at the next one with their selections', async t => {
    const selections = await readSelections(tab)
    const before = await rows()
    const opened = sockets()
    await embedding.replaceGateway()
    await until(() => sockets() > opened)
    await waitFor(tab, () => document.querySelector('.qlik-sandbox-notice') === null, undefined)
    await waitForCharts(tab, first, second)
    t.same(await readSelections(tab), selections)
    t.equal(await rows(), before)
  })

  await t.test('a tab that is opened again, or gone back to, needs no other sign-in', async t => {
    const opened = sockets()
    await tab.goto('about:blank')
    await tab.goBack()
    const restored = await profile.open()
    await restored.goto(address)
    for (const one of [tab, restored]) await waitForText(one, `${alice.name} sees 5 items`)
    // A page from the browser's memory shows its charts at once, and is then loaded anew.
    await until(() => sockets() >= opened + 2 * socketsOfLoad)
    await waitForCharts(tab, first, second)
    // What a page holds is lost when it is left; where the tenant's login lives, the page is back without a click.
    t.equal(controls.grants.authorization_code, keepsNoCookie ? 2 : 1)
  })

  await t.test('at the absolute end of its session it hears of it, and goes on after another sign-in', async t => {
    if (options.example === 'cross-site') {
      await noteEvents(tab)
      clock.aheadMs = maxMs - 120_000
      await waitFor(tab, () => sessionStorage.getItem('events') === 'expiring ', undefined)
    }
    clock.aheadMs = maxMs
    await waitFor(tab, ended => document.querySelector(ended) !== null, ended)
    await comeBack(tab, profile, embedding)
    await waitFor(tab, ended => document.querySelector(ended) === null, ended)
    await waitForAddress(tab, address)
    await waitForCharts(tab, first, second)
    t.equal(controls.grants.authorization_code, keepsNoCookie ? 3 : 2)
    if (options.example === 'cross-site') {
      t.equal(await tab.evaluate(() => sessionStorage.getItem('events'), undefined), 'expiring signed-out signed-in ')
    }
  })

  await t.test('when the user signs out in another tab, its sockets and its events end', async t => {
    await tab.evaluate(async gateway => {
      const { queryParams } = await (window as Partial<Window>).qlikGateway?.getWebSocketAuthParams() ?? { queryParams: {} }
      const events = new EventSource(`${gateway}/gateway/events?${new URLSearchParams(queryParams)}`, { withCredentials: true })
      events.addEventListener('signed-out', () => { document.documentElement.classList.add('told') })
    }, embedding.gateway)
    const other = await waitForTab(profile, async () => { await (await profile.open()).goto(site) })
    await waitForText(other, `${alice.name} sees 5 items`)
    await click(other, signOut)
    await waitFor(tab, ended => document.querySelector(ended) !== null, ended)
    await waitFor(tab, () => document.documentElement.classList.contains('told'), undefined)
    // The other pages lead to a sign-in by themselves, and the tenant still knows the browser: the other tab may have a new session by now.
    if (options.example !== 'cross-site') return
    t.equal(
      await tab.evaluate(
        async gateway => (await fetch(`${gateway}/api/v1/users/me`, { credentials: 'include' })).status,
        embedding.gateway
      ),
      401
    )
  })
}

/** What the proof of one call costs a page that holds its session, in milliseconds. */
async function timeProof (tab: Tab): Promise<number> {
  return await tab.evaluate(async () => {
    const startedAt = performance.now()
    for (let call = 0; call < 100; call++) await window.qlikGateway.getRestCallAuthParams({ method: 'GET' })
    return (performance.now() - startedAt) / 100
  }, undefined)
}

/** Uploads 300,000 bytes in each of two ways, reads them back, and tells how many came that are right. */
async function upload (tab: Tab, host: string, authType: string): Promise<{ statuses: number[], came: string[] }> {
  return await tab.evaluate(async ({ host, authType }) => {
    type Answer = { status: number, headers: Headers, data: { id: string } }
    type Api = Record<string, (...values: unknown[]) => Promise<Answer>>
    const options = { hostConfig: { host, authType } }
    const [files, contents] = await Promise.all(
      ['/qlik-api/data-files.js', '/qlik-api/temp-contents.js'].map(async address => await import(address) as Api)
    ) as [Api, Api]
    const bytes = Uint8Array.from({ length: 300_000 }, (_value, at) => at * 7 % 256)
    const file = new Blob([bytes], { type: 'application/octet-stream' })
    const form = await files.uploadDataFile?.({ File: file, Json: { name: 'rows.csv' } }, options)
    const alone = await contents.uploadTempFile?.({ filename: 'rows' }, file, options)
    const read = async (name: string, path: string) => {
      const auth = await (window as Partial<Window>).qlikGateway?.getRestCallAuthParams({ method: 'GET' })
      const answer = await fetch(`${host}${path}`, { headers: auth?.headers ?? {}, credentials: auth?.credentials ?? 'include' })
      const came = new Uint8Array(await answer.arrayBuffer())
      return `${name} ${came.filter((value, at) => value === bytes[at]).length}`
    }
    const location = new URL(alone?.headers.get('location') ?? '')
    return {
      statuses: [form?.status ?? 0, alone?.status ?? 0],
      came: [
        await read('form', `/api/v1/data-files/${form?.data.id}/content`),
        await read('file', location.pathname.slice(location.pathname.indexOf('/api/')))
      ]
    }
  }, { host, authType })
}

/** Notes what embed.js tells this page, also when the page is loaded anew at the end. */
async function noteEvents (tab: Tab): Promise<void> {
  await tab.evaluate(() => {
    window.addEventListener('qlik-gateway', event => {
      const { type } = (event as CustomEvent<{ type: string }>).detail
      sessionStorage.setItem('events', `${sessionStorage.getItem('events') ?? ''}${type} `)
    })
  }, undefined)
}
