import type { Browser, BrowserContext, Page } from 'playwright-core'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import type { Test } from 'tap'
import { startSite, startTls } from '#examples/site.js'
import { SALES_APP_ID } from '../../sandbox/data/apps.js'
import { alice, type Identity } from '../../sandbox/identities.js'
import { startTenant, type Tenant } from '../../sandbox/tenant.js'
import { createCertificate } from '../helpers/certificate.js'
import { attend } from '../helpers/chromium.js'
import { createClock, startGateway, type Running } from '../helpers/gateway.js'
import { reservePort } from '../helpers/ports.js'

/** A site of one of the examples, a gateway and a tenant; the names end in .test and lead to this machine. */
export interface Embedding {
  tenant: Tenant
  /** Origin of the pages. */
  site: string
  /** What browsers call the gateway. */
  gateway: string
  running: Running
  /** Puts another gateway in the place of the one that serves, which then drains. */
  replaceGateway: () => Promise<void>
}

export interface EmbeddingOptions {
  example: 'same-origin' | 'same-site' | 'cross-site'
  /** Another page than the example's, beside this file. */
  page?: string
  siteHost: string
  gatewayHost?: string
  /** What fills further {{…}} of the page. */
  values?: (gateway: string) => Record<string, string>
  /** Where the gateway is mounted. */
  path?: string
  settings?: NodeJS.ProcessEnv
  siteHeaders?: Record<string, string>
  /** The page has the policy that docs/embedding.md recommends. */
  policy?: boolean
  clock?: { now: () => number }
}

/** Starts everything with TLS; without a host of its own the gateway is behind the site's reverse proxy. */
export async function startEmbedding (
  t: Test,
  {
    example,
    page,
    values: more = () => ({}),
    siteHost,
    gatewayHost,
    path = '',
    settings = {},
    siteHeaders = {},
    policy = false,
    clock = createClock()
  }: EmbeddingOptions
): Promise<Embedding> {
  const tls = createCertificate([siteHost, ...(gatewayHost === undefined ? [] : [gatewayHost])])
  const state = { port: await reservePort() }
  const values = () => ({ gateway, app: SALES_APP_ID, here: encodeURIComponent(`${site}/`), ...more(gateway) })
  // Proxies read the gateway's port at each connection, so that another gateway can take over.
  const front = gatewayHost === undefined ? undefined : await startTls({ tls, target: () => state.port })
  const siteServer = await startSite({
    page: pageFile(page === undefined ? `examples/${example}/index.html` : `test/browser/pages/${page}`),
    values,
    tls,
    headers: () => policy ? { ...siteHeaders, 'content-security-policy': readPolicy(new URL(gateway).origin) } : siteHeaders,
    ...(front === undefined ? { gateway: { path, port: () => state.port } } : {})
  })
  const site = `https://${siteHost}:${siteServer.port}`
  const gateway = front === undefined ? `${site}${path}` : `https://${gatewayHost}:${front.port}${path}`
  t.teardown(async () => {
    await siteServer.close()
    await front?.close()
  })
  const tenant = await startTenant({ redirectUris: [`${gateway}/login/callback`] })
  t.teardown(async () => { await tenant.close() })
  await tenant.warmUp()
  const start = async () =>
    await startGateway(t, {
      tenant,
      settings: { PORT: String(state.port), PUBLIC_URL: gateway, ...(front === undefined ? {} : { EMBED_ORIGINS: site }), ...settings },
      clock
    })
  const embedding: Embedding = {
    tenant,
    site,
    gateway,
    running: await start(),
    async replaceGateway () {
      const old = embedding.running
      state.port = await reservePort()
      embedding.running = await start()
      await old.app.close()
    }
  }
  return embedding
}

/** The policy of docs/embedding.md for a gateway at this origin; the site adds the hashes of the page's own scripts. */
function readPolicy (gateway: string): string {
  const [, policy = ''] = /```text\n(default-src[^`]+)```/.exec(readFileSync(pageFile('docs/embedding.md'), 'utf8')) ?? []
  return policy
    .replaceAll('https://qlik.example.com', gateway)
    .replaceAll('wss://qlik.example.com', gateway.replace('https:', 'wss:'))
    .replaceAll('\n', ' ')
    .replace('script-src', 'script-src {{scripts}}')
}

/** A file of this project. */
export function pageFile (path: string): URL {
  return new URL(path, pathToFileURL(`${process.cwd()}/`))
}

/** A window of a new browser profile that takes the test's certificate. */
export async function openContext (t: Test, browser: Browser): Promise<BrowserContext> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en-US', reducedMotion: 'reduce' })
  attend(t, context)
  return context
}

/** Fills in the identity provider's form, wherever it has opened. */
export async function fillLogin (page: Page, user: Identity = alice): Promise<void> {
  await page.getByLabel('Username').fill(user.email)
  await page.getByLabel('Password').fill(user.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** Signs in in a popup; the identity provider may know the browser still, and then asks for nothing. */
export async function finishPopup (popup: Page): Promise<void> {
  const closed = popup.isClosed() ? Promise.resolve() : popup.waitForEvent('close')
  // A window that closes before a form was there has signed in without one.
  await Promise.race([closed, popup.getByLabel('Username').waitFor().then(async () => { await fillLogin(popup) }, () => {})])
  await closed
}

/** Clicks the button that embed.js shows, and signs in in the popup. */
export async function signInByPopup (page: Page): Promise<void> {
  const [popup] = await Promise.all([page.waitForEvent('popup'), page.getByRole('button', { name: 'Sign in' }).click()])
  await finishPopup(popup)
}
