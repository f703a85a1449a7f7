import t from 'tap'
import { impersonationGrant } from '../../sandbox/oauth/clients.js'
import { startTenant } from '../../sandbox/tenant.js'
import { createClock, startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { carol, clientOf, settingsOf } from '../helpers/own-users.js'
import { reservePort } from '../helpers/ports.js'
import { startRedis } from '../helpers/redis.js'
import { createIssuer } from '../helpers/statements.js'

/** Three gateways under one public URL whose users an issuer names. */
async function startReplicas (t: Parameters<typeof startRedis>[0]) {
  const redis = await startRedis(t)
  const clock = createClock()
  const issuer = createIssuer(clock)
  const tenant = await startTenant({ grantTypes: [impersonationGrant] })
  t.teardown(async () => { await tenant.close() })
  tenant.controls.setUser(carol)
  const ports = [await reservePort(), await reservePort(), await reservePort()]
  const publicUrl = `http://localhost:${ports[0]}`
  const settings = { ...settingsOf(t, issuer), PUBLIC_URL: publicUrl, REDIS_URL: redis.url, MAX_LOGINS_PER_MINUTE: '1000' }
  const replicas = await Promise.all(ports.map(async port => {
    const { origin } = await startGateway(t, { tenant, settings: { ...settings, PORT: String(port) }, clock })
    return clientOf(origin, issuer, publicUrl)
  }))
  await until(async () => /:3\r\n/.test(await redis.ask('PUBSUB NUMSUB {qlik-embed-gateway}:dropped-users')))
  const at = (index: number) => replicas[index % 3] as typeof replicas[0]
  return { redis, clock, issuer, tenant, publicUrl, at }
}

t.test('three replicas make one grant for 300 sessions of one user', async t => {
  const { tenant, at } = await startReplicas(t)
  const cookies = await Promise.all(Array.from({ length: 300 }, async (_, index) => await at(index).enter()))
  t.equal(new Set(cookies).size, 300)
  t.equal(tenant.controls.grants.impersonation, 1)
  const answers = await Promise.all(cookies.map(async (cookie, index) => (await at(index + 1).ask('/api/v1/items', cookie)).status))
  t.ok(answers.every(status => status === 200))
  t.equal(tenant.controls.grants.impersonation, 1)
})

t.test('replicas renew a token once', async t => {
  const { tenant, clock, at } = await startReplicas(t)
  const cookies = await Promise.all([0, 1, 2].map(async index => await at(index).enter()))
  for (let round = 2; round < 5; round++) {
    clock.aheadMs += 21_600_000 * 0.95
    const answers = await Promise.all(cookies.map(async (cookie, index) => (await at(index + round).ask('/api/v1/items', cookie)).status))
    t.same(answers, [200, 200, 200])
    t.equal(tenant.controls.grants.impersonation, round)
  }
})

t.test('the token is dropped at all replicas by the last logout at any of them', async t => {
  const { redis, tenant, clock, at } = await startReplicas(t)
  const [one, two] = [await at(0).enter(), await at(1).enter()]
  clock.aheadMs = 61_000
  for (const [index, cookie] of [one, two].entries()) t.equal((await at(index).ask('/api/v1/items', cookie)).status, 200)
  const known = async () => (await redis.ask('KEYS *user-*')).split('\r\n').filter(line => line.includes('user-')).length
  t.equal(await known(), 2, 'a token and the sessions')
  await at(2).ask('/logout', one, { method: 'POST' })
  await until(async () => (await at(0).ask('/gateway/check', one)).status === 401)
  t.equal(tenant.controls.liveGrants(carol.subject), 1)
  t.equal((await at(2).ask('/api/v1/items', two)).status, 200)
  await at(2).ask('/logout', two, { method: 'POST' })
  await until(() => tenant.controls.liveGrants(carol.subject) === 0)
  t.equal(await known(), 0)
  t.equal((await at(1).ask('/api/v1/items', await at(1).enter())).status, 200, 'a replica that had it knows that it is dropped')
  t.equal(tenant.controls.grants.impersonation, 2)
})

t.test('a replica that has never had the token gives it back all the same', async t => {
  const { tenant, at } = await startReplicas(t)
  const cookie = await at(0).enter()
  await at(1).ask('/logout', cookie, { method: 'POST' })
  await until(() => tenant.controls.liveGrants(carol.subject) === 0)
})

t.test('a statement is good once among replicas', async t => {
  const { issuer, tenant, publicUrl, at } = await startReplicas(t)
  const statement = await issuer.state(carol.subject, publicUrl)
  const answers = await Promise.all([0, 1, 2].map(async index => (await at(index).assert(statement)).status))
  t.same(answers.sort(), [204, 401, 401])
  t.equal(tenant.controls.grants.impersonation, 1)
})

t.test('a grant that failed is known to all for a moment, and then made once', async t => {
  const { tenant, clock, at } = await startReplicas(t)
  const cookies = await Promise.all([0, 1, 2].map(async index => await at(index).enter()))
  clock.aheadMs = 21_700_000
  tenant.controls.addFault({ path: '/oauth/token', status: 503, retryAfter: 2 })
  const answers = await Promise.all(cookies.map(async (cookie, index) => await at(index).ask('/api/v1/items', cookie)))
  t.same(answers.map(({ status, headers }) => [status, headers.get('retry-after')]), Array(3).fill([503, '2']))
  t.equal(tenant.controls.requests.filter(({ url }) => url === '/oauth/token').length, 2)
})

t.test('without Redis each replica goes on by itself', async t => {
  const { redis, tenant, clock, at } = await startReplicas(t)
  const cookie = await at(0).enter()
  await redis.kill()
  clock.aheadMs = 21_700_000
  for (const index of [0, 1]) t.equal((await at(index).ask('/api/v1/items', cookie)).status, 200)
  t.equal(tenant.controls.grants.impersonation, 3)
  clock.aheadMs += 120_000
  await at(0).ask('/logout', cookie, { method: 'POST' })
  await until(() => tenant.controls.liveGrants(carol.subject) === 2)
})

t.test('Redis holds neither a token nor a name', async t => {
  const { redis, at } = await startReplicas(t)
  await at(0).enter()
  const [, key = ''] = /({qlik-embed-gateway}:\S+user-token)/.exec(await redis.ask('KEYS *user-token')) ?? []
  const stored = await redis.ask(`GET ${key}`)
  t.ok(stored.length > 100)
  for (const text of [key, stored]) t.notMatch(text, /carol|eyJ/)
})

t.test('a replica that cannot read what is stored asks the tenant, and stores that', async t => {
  const { redis, tenant, at } = await startReplicas(t)
  await at(0).enter()
  const [, key = ''] = /({qlik-embed-gateway}:\S+user-token)/.exec(await redis.ask('KEYS *user-token')) ?? []
  await redis.ask(`SET ${key} nothing`)
  await at(1).enter()
  t.equal(tenant.controls.grants.impersonation, 2)
  await at(2).enter()
  t.equal(tenant.controls.grants.impersonation, 2)
})
