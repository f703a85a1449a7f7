import t from 'tap'
import type { Page } from 'playwright-core'
import { alice } from '../../sandbox/identities.js'
import { launchChromium, openPage } from '../helpers/chromium.js'
import { createClock, startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { openSession } from '../helpers/session-cookie.js'
import { fillLogin } from './embedding.js'

const browser = await launchChromium(t)

/** Lets a page ask without a pause, ten calls at a time, until it is told to stop; then it says what it was answered. */
async function askOn (page: Page): Promise<() => Promise<{ statuses: number[], asked: number }>> {
  await page.evaluate(() => {
    const state = { going: true, statuses: new Set<number>(), asked: 0 }
    const ask = async () => {
      const answer = await fetch('/api/v1/items', { redirect: 'manual' })
      await answer.arrayBuffer()
      state.statuses.add(answer.status)
      state.asked++
    }
    const lane = async () => { while (state.going) await ask() }
    const lanes = Promise.all(Array.from({ length: 10 }, lane))
    const stop = async () => {
      state.going = false
      await lanes
      return { statuses: [...state.statuses], asked: state.asked }
    }
    Object.assign(window, { stopAsking: stop })
  })
  return async () =>
    await page.evaluate(
      async () => await (window as unknown as { stopAsking: () => Promise<{ statuses: number[], asked: number }> }).stopAsking()
    )
}

t.test('two tabs of one browser that race for every refresh are never signed out, and end with the newest session', async t => {
  const clock = createClock()
  const stage = await startGateway(t, { sandbox: { accessTokenSeconds: 600 }, clock })
  const { page, context } = await openPage(t, browser)
  await page.goto(`${stage.origin}/login?returnto=/healthz`)
  await fillLogin(page)
  await page.waitForURL(`${stage.origin}/healthz`)
  const other = await context.newPage()
  await other.goto(`${stage.origin}/healthz`)
  const expiries = Number(process.env.EXPIRIES ?? 5)
  const served = () => stage.tenant.controls.requests.filter(({ path }) => path === '/api/v1/items').length
  const stops = [await askOn(page), await askOn(other)]
  for (let expiry = 1; expiry <= expiries; expiry++) {
    // Some answers are overtaken by those of the next token.
    stage.tenant.controls.addFault({ path: '/api/v1/items', delayMs: 100, times: 3 })
    clock.aheadMs += 545_000
    const before = served()
    await until(() => stage.tenant.controls.grants.refresh_token === expiry && served() >= before + 40)
  }
  const told = await Promise.all(stops.map(async stop => await stop()))
  for (const { statuses } of told) t.same(statuses, [200])
  t.equal(await page.evaluate(async () => (await fetch('/api/v1/items')).status), 200)
  t.equal(stage.tenant.controls.grants.refresh_token, expiries)
  t.equal(stage.tenant.controls.grants.refused, 0)
  t.equal(stage.tenant.controls.liveTokens(alice.id), 1)
  const header = (await context.cookies(stage.origin)).map(({ name, value }) => `${name}=${value}`).join('; ')
  t.equal((await openSession(header, stage.tenant)).grant.generation, expiries)
  t.comment(`${told.map(({ asked }) => asked).join(' and ')} requests of two tabs at ${expiries} expiries`)
})
