import t from 'tap'
import { createGate } from '../helpers/gate.js'
import { createClock, startGateway, type Stage } from '../helpers/gateway.js'
import { turnLimits } from '../helpers/limits.js'
import { until } from '../helpers/log.js'
import { startReplicas } from '../helpers/replicas.js'

const lifeMs = 21_600_000

/** Holds the tenant's answer to the next refresh grant, which uses up the token, until the gate opens. */
function holdGrant ({ controls }: Stage['tenant']) {
  const gate = createGate()
  controls.clear()
  controls.addFault({ path: '/oauth/token', answerUntil: gate.opened, times: 1 })
  const asked = async () => { await until(() => controls.grants.refresh_token === 1) }
  return { asked, open: gate.open }
}

t.test('a tenant that answers a grant after 29 seconds signs nobody out, and holds nobody up for more than ten', async t => {
  const clock = createClock()
  const { tenant, origin, signIn } = await startGateway(t, { clock })
  const browser = await signIn()
  const ask = async () => await browser.fetch(`${origin}/api/v1/items`)
  clock.aheadMs = lifeMs
  const grant = holdGrant(tenant)
  const limits = turnLimits(t)
  const waiting = ask()
  await grant.asked()
  limits.pass(10)
  const { status, headers } = await waiting
  t.same([status, headers.get('retry-after')], [503, '1'])
  t.equal((await ask()).status, 503, 'whoever comes then does not wait')
  limits.pass(19)
  grant.open()
  await until(async () => (await ask()).status === 200)
  t.match(tenant.controls.grants, { refresh_token: 1, refused: 0 })
})

t.test('the tokens of a grant that is under way at a replica that ends reach the other replicas', async t => {
  const clock = createClock()
  const { tenant, origins: [one, two], apps: [ending], signIn } = await startReplicas(t, { clock })
  const browser = await signIn()
  clock.aheadMs = lifeMs - 30_000
  const cookie = browser.cookies.header(new URL(one as string))
  const grant = holdGrant(tenant)
  const limits = turnLimits(t)
  const served = fetch(`${one}/api/v1/items`, { headers: { cookie } })
  await grant.asked()
  limits.pass(2)
  t.equal((await served).status, 200, 'with the token that still serves')
  const ended = ending?.close()
  await until(() => ending?.server.listening === false)
  grant.open()
  await ended
  t.equal((await fetch(`${two}/api/v1/items`, { headers: { cookie } })).status, 200)
  t.match(tenant.controls.grants, { refresh_token: 1, refused: 0 })
})
