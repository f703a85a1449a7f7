import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import { settingsFor, startGatewayProcess } from '../sandbox/demo/gateway-process.js'
import { choosePort } from '../sandbox/demo/ports.js'
import { alice } from '../sandbox/identities.js'
import { startTenant } from '../sandbox/tenant.js'
import { signIn } from '../test/browser/page.js'
import { createCertificate } from '../test/helpers/certificate.js'
import { startDelay } from './delay.js'
import { middleOf } from './measure.js'

export interface FirstBarPlan {
  roundTripsMs: readonly number[]
  /** How often the demo page is loaded with the cache of the browser, and how often without. */
  loads: number
  print: (line: string) => void
}

const settingsToCompare = { 'no connection stands ready (WARM_CONNECTIONS=0)': '0', 'as by default': '2' }

/**
 * The time until Chromium has drawn the first bar of the demo page, from the beginning of its navigation: through the
 * gateway, with the sandbox's tenant behind TLS and far away.
 */
export async function measureFirstBar ({ roundTripsMs, loads, print }: FirstBarPlan): Promise<void> {
  print('| tenant | gateway | first load, nothing in the browser’s cache | loaded again |\n| --- | --- | --- | --- |')
  for (const roundTripMs of roundTripsMs) {
    for (const [name, warmConnections] of Object.entries(settingsToCompare)) {
      const [cold, warm] = await measureLoads(roundTripMs, warmConnections, loads)
      print(`| ${roundTripMs} ms away | ${name} | ${cold.toFixed(0)} ms | ${warm.toFixed(0)} ms |`)
    }
  }
}

async function measureLoads (roundTripMs: number, warmConnections: string, loads: number): Promise<[cold: number, warm: number]> {
  const closers: (() => unknown)[] = []
  try {
    const folder = await mkdtemp(join(tmpdir(), 'first-bar-'))
    closers.push(async () => { await rm(folder, { recursive: true }) })
    const [port, tenantPort] = [await choosePort(0), await choosePort(0)]
    const way = await startDelay(tenantPort, roundTripMs)
    closers.push(() => { way.close() })
    const tls = createCertificate(['localhost'])
    await writeFile(join(folder, 'tenant.pem'), tls.cert)
    const origin = `http://localhost:${port}`
    const tenant = await startTenant({
      port: tenantPort, publicOrigin: `https://localhost:${way.port}`, tls, redirectUris: [`${origin}/login/callback`]
    })
    closers.push(async () => { await tenant.close() })
    await tenant.warmUp()
    const gateway = await startGatewayProcess(process.cwd(), {
      ...settingsFor(tenant, port),
      NODE_ENV: 'production',
      NODE_EXTRA_CA_CERTS: join(folder, 'tenant.pem'),
      WARM_CONNECTIONS: warmConnections
    })
    closers.push(async () => { await gateway.stop() })
    const browser = await chromium.launch({ executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
    closers.push(async () => { await browser.close() })
    const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage()
    const developer = await page.context().newCDPSession(page)
    await signIn(page, `${origin}/`, alice)
    const times: { cold: number[], warm: number[] } = { cold: [], warm: [] }
    for (let load = 0; load < loads; load++) {
      await developer.send('Network.clearBrowserCache')
      times.cold.push(await loadOnce(page, origin))
      times.warm.push(await loadOnce(page, origin))
    }
    return [middleOf(times.cold).median, middleOf(times.warm).median]
  } finally {
    for (const close of closers.reverse()) await close()
  }
}

/** Loads the page and returns when its first bar stood on the canvas, in ms since the navigation began. */
async function loadOnce (page: Page, origin: string): Promise<number> {
  await page.goto(`${origin}/`)
  const drawn = await page.waitForFunction(() => {
    const canvas = document.querySelector<HTMLCanvasElement>('canvas[data-key="bar"]')
    if (canvas === null || canvas.width === 0) return undefined
    const pixels = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data
    return pixels?.some((value, at) => at % 4 === 3 && value > 127) === true ? performance.now() : undefined
  }, undefined, { polling: 'raf', timeout: 60_000 })
  return await drawn.jsonValue() as number
}
