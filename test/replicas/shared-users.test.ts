import t, { type Test } from 'tap'
import { createOwnUsers } from '../../src/credentials/impersonation/user-store.js'
import { connectRedis } from '../../src/replicas/redis-link.js'
import { parseRedisUrl, type RedisServers } from '../../src/replicas/redis-servers.js'
import { shareUsers } from '../../src/replicas/shared-users.js'
import { createSeal } from '../../src/session/seal.js'
import { failureOf } from '../helpers/failure.js'
import { accessToken } from '../helpers/jwt.js'
import { createLog, until } from '../helpers/log.js'
import { carol, cookiesOf } from '../helpers/own-users.js'
import { patientMs, startRedis } from '../helpers/redis.js'
import { startUserReplicas } from '../helpers/user-replicas.js'

async function startReplicas (t: Test, settings: NodeJS.ProcessEnv = {}) {
  const redis = await startRedis(t)
  return { redis, ...await startUserReplicas(t, { redis: { REDIS_URL: redis.url }, ask: redis.ask, settings }) }
}

const requests = Number(process.env.REQUESTS ?? 25)

t.test('three replicas make one grant for many sessions of one user', async t => {
  const { tenant, at } = await startReplicas(t)
  const cookies = await Promise.all(Array.from({ length: requests * 3 }, async (_, index) => await at(index).enter()))
  t.equal(new Set(cookies).size, requests * 3)
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

t.test('a statement of an ingress begins one session among replicas, and none once that has ended at any of them', async t => {
  const { issuer, tenant, publicUrl, at } = await startReplicas(t, {
    IDENTITY_JWT_HEADER: 'x-identity',
    TRUSTED_PROXIES: '127.0.0.0/8,::1'
  })
  const headers = { 'x-identity': await issuer.state(carol.subject, publicUrl) }
  const answers = await Promise.all([0, 1, 2].map(async index => await at(index).ask('/gateway/session', undefined, { headers })))
  const tokens = await Promise.all(answers.map(async answer => (await answer.json() as { csrfToken: string }).csrfToken))
  t.equal(new Set(tokens).size, 1)
  t.equal(tenant.controls.grants.impersonation, 1)
  await at(1).ask('/logout', cookiesOf(answers[0] as Response), { method: 'POST', headers })
  await until(async () => (await at(2).ask('/gateway/check', undefined, { headers })).status === 401)
  t.equal(
    (await at(2).ask('/gateway/check', undefined, { headers: { 'x-identity': await issuer.state(carol.subject, publicUrl) } })).status,
    204
  )
})

t.test('a grant that failed is known to all for a moment, and then made once', async t => {
  const { tenant, clock, at, tokenCalls } = await startReplicas(t)
  const cookies = await Promise.all([0, 1, 2].map(async index => await at(index).enter()))
  clock.aheadMs = 21_700_000
  tenant.controls.addFault({ path: '/oauth/token', status: 503, retryAfter: 2 })
  const answers = await Promise.all(cookies.map(async (cookie, index) => await at(index).ask('/api/v1/items', cookie)))
  t.same(answers.map(({ status, headers }) => [status, headers.get('retry-after')]), Array(3).fill([503, '2']))
  t.equal(tokenCalls(), 2)
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
  for (const text of [key, stored]) for (const secret of [/carol/, accessToken]) t.notMatch(text, secret)
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

/** Redis, and the users of one replica. */
async function startUsers (t: Test) {
  const server = await startRedis(t)
  const redis = connectRedis({ servers: parseRedisUrl(server.url) as RedisServers, log: createLog().log, commandMs: patientMs })
  t.teardown(redis.close)
  await until(async () => await redis.run('return 1', [], []) === 1)
  const seal = createSeal([Buffer.alloc(32, 1)], 'test')
  return { server, users: shareUsers({ redis, seal, scope: 'test', own: createOwnUsers(Date.now), now: Date.now, lockMs: 500 }) }
}

const start = { accessToken: '', refreshToken: carol.subject, grantedAt: 0, endsAt: 0, generation: 0 }

t.test('a grant that fails by itself counts as one that the tenant did not answer, and leaves nothing to give back', async t => {
  const { users } = await startUsers(t)
  const failing = async () => { throw new Error('boom') }
  t.match(await failureOf(users.grants.run(start, false, failing)), { kind: 'unavailable', cause: { message: 'boom' } })
  t.same(await users.leave(carol.subject, 'the only session'), [])
})

t.test('nobody waits for ever for a lock that somebody else keeps', async t => {
  const { server, users: { grants } } = await startUsers(t)
  grants.run(start, false, async () => await new Promise(() => {})).catch(() => {})
  let key = ''
  await until(async () => (key = /({qlik-embed-gateway}:\S+user-lock)/.exec(await server.ask('KEYS *user-lock'))?.[1] ?? '') !== '')
  await server.ask(`PEXPIRE ${key} 60000`)
  t.match(await failureOf(grants.run(start, false, async () => start)), { tenantCode: 'NO-WORD', retryAfterSeconds: 1 })
})
