import t from 'tap'
import { alice } from '../../sandbox/identities.js'
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

t.test('given a token that has ended, when the tenant takes 29 seconds for the next, then requests are told to come back after ' +
  'ten, and nobody is signed out', async t => {
  const clock = createClock()
  const { tenant, origin, signIn } = await startGateway(t, { clock })
  const browser = await signIn(alice)
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

t.test('given a tenant that is slow, when a replica ends during a grant, then the others get its tokens', async t => {
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
