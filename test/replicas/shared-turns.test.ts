import t, { type Test } from 'tap'
import { GrantQueue } from '../../src/credentials/impersonation/grant-queue.js'
import { createOwnTurns } from '../../src/credentials/impersonation/grant-turns.js'
import { TokenFailure } from '../../src/credentials/token-failure.js'
import { connectRedis } from '../../src/replicas/redis-link.js'
import { parseRedisUrl, type RedisServers } from '../../src/replicas/redis-servers.js'
import { shareTurns } from '../../src/replicas/shared-turns.js'
import { failureOf } from '../helpers/failure.js'
import { createLog, until } from '../helpers/log.js'
import { carol } from '../helpers/own-users.js'
import { patientMs, startRedis } from '../helpers/redis.js'
import { startUserReplicas } from '../helpers/user-replicas.js'

/** The queues of two replicas, whose client may have two grants in a window. */
async function startQueues (t: Test, longestWaitMs: number, windowMs = 400) {
  const server = await startRedis(t)
  const connect = async () => {
    const { log, messages } = createLog()
    const redis = connectRedis({ servers: parseRedisUrl(server.url) as RedisServers, log, commandMs: patientMs })
    t.teardown(redis.close)
    await until(async () => await redis.run('return 1', [], []) === 1)
    const limit = { most: 2, windowMs }
    const turns = shareTurns({ redis, name: 'client', own: createOwnTurns(Date.now, limit), ...limit })
    return { queue: new GrantQueue(turns, longestWaitMs), turns, messages }
  }
  return { server, one: await connect(), two: await connect() }
}

t.test('grants of all replicas together begin within the limit, wait for their turn, and fail at once where that is far', async t => {
  const { one, two } = await startQueues(t, 3_000, 2_000)
  let begun = 0
  const runs = Array.from({ length: 6 }, async (_, at) => await (at % 2 === 0 ? one : two).queue.run(async () => { begun++ }))
  const settled = Promise.allSettled(runs)
  await until(() => begun >= 2)
  const outcomes = await settled
  t.same(outcomes.map(({ status }) => status).sort(), [...Array<string>(4).fill('fulfilled'), 'rejected', 'rejected'])
  t.match(
    outcomes.filter(({ status }) => status === 'rejected'),
    Array(2).fill({ reason: { kind: 'unavailable', tenantCode: 'GRANTS-LIMITED', retryAfterSeconds: 4 } })
  )
  t.equal(begun, 4)
})

t.test('a tenant that limits one replica stops the grants of all, those that wait for their turn too', async t => {
  const { one, two } = await startQueues(t, 600)
  const limit = async (retryAfterSeconds: number) => await failureOf(one.queue.run(async () => {
    throw new TokenFailure('unavailable', { status: 429, retryAfterSeconds })
  }))
  await two.queue.run(async () => {})
  await limit(30)
  t.match(await failureOf(two.queue.run(async () => {})), { tenantCode: 'GRANTS-LIMITED', retryAfterSeconds: /^(?:2\d|30)$/ })
})

t.test('whoever waits for a turn gives up when the tenant limits meanwhile', async t => {
  const { one, two } = await startQueues(t, 3_000, 2_000)
  await two.queue.run(async () => {})
  let refuse: ((failure: TokenFailure) => void) | undefined
  const limited = failureOf(one.queue.run(async () => await new Promise((_resolve, reject) => { refuse = reject })))
  const waiting = failureOf(two.queue.run(async () => {}))
  await until(() => refuse !== undefined)
  refuse?.(new TokenFailure('unavailable', { status: 429, retryAfterSeconds: 30 }))
  t.match(await limited, { status: 429 })
  t.match(await waiting, { tenantCode: 'GRANTS-LIMITED', retryAfterSeconds: /^(?:2\d|30)$/ })
})

t.test('a turn that was given stays so when Redis goes before it', async t => {
  const { server, one } = await startQueues(t, 3_000, 2_000)
  await one.queue.run(async () => {})
  await one.queue.run(async () => {})
  const waiting = one.queue.run(async () => 'granted')
  await until(async () => (await server.ask('ZCARD {qlik-embed-gateway}:client:grant-turns')) === ':3\r\n')
  await server.kill()
  t.equal(await waiting, 'granted')
})

t.test('while Redis is away each replica counts by itself', async t => {
  const { server, one, two } = await startQueues(t, 100, 60_000)
  await one.queue.run(async () => {})
  await server.kill()
  await until(() => one.messages().length === 1 && two.messages().length === 1)
  t.equal(await one.turns.pausedMs(), 0)
  for (const { queue } of [one, two, one, two]) await queue.run(async () => {})
  for (const { queue } of [one, two]) {
    t.match(await failureOf(queue.run(async () => {})), { tenantCode: 'GRANTS-LIMITED', retryAfterSeconds: /^(?:[3-5]\d|60)$/ })
  }
})

t.test('replicas ask for 100 tokens in a minute together; who comes then gets 503 with Retry-After, and the tenant limits ' +
  'nobody', async t => {
  const redis = await startRedis(t)
  const { tenant, issuer, publicUrl, at, tokenCalls } = await startUserReplicas(t, { redis: { REDIS_URL: redis.url }, ask: redis.ask })
  tenant.controls.set({ tokenCallsPerMinute: 11 })
  const subjects = Array.from({ length: 31 }, (_, index) => `portal|${index}`)
  for (const subject of subjects) tenant.controls.setUser({ ...carol, subject })
  const enter = async (subject: string, index: number) => await at(index).assert(await issuer.state(subject, publicUrl))
  t.equal((await enter(subjects.pop() as string, 0)).status, 204)
  // So many others that the limit comes soon, and the minute does not end meanwhile.
  const another = connectRedis({ servers: parseRedisUrl(redis.url) as RedisServers, log: createLog().log, commandMs: patientMs })
  t.teardown(another.close)
  const [, name = ''] = /{qlik-embed-gateway}:(\S+):grant-turns/.exec(await redis.ask('KEYS *grant-turns')) ?? []
  const turns = shareTurns({ redis: another, name, own: { take: () => 60_000, pausedMs: () => 0, pause () {} } })
  await until(async () => await another.run('return 1', [], []) === 1)
  const taken: number[] = []
  for (let others = 0; others < 89; others++) taken.push(await turns.take(0))
  t.same(new Set(taken), new Set([0]))
  const answers = await Promise.all(subjects.map(enter))
  t.equal(answers.filter(({ status }) => status === 204).length, 10)
  const late = answers.filter(({ status }) => status === 503)
  t.equal(late.length, 20)
  t.ok(late.every(({ headers }) => Number(headers.get('retry-after')) > 5 && Number(headers.get('retry-after')) <= 60))
  t.match(await late[0]?.json(), { errors: [{ code: 'GW-TENANT-BUSY' }] })
  t.equal(tokenCalls(), 11)
})

t.test('a tenant that limits one replica is asked by no other until its Retry-After is over', async t => {
  const redis = await startRedis(t)
  const { tenant, issuer, publicUrl, at, tokenCalls } = await startUserReplicas(t, { redis: { REDIS_URL: redis.url }, ask: redis.ask })
  const enter = async (index: number) => {
    tenant.controls.setUser({ ...carol, subject: `portal|${index}` })
    return await at(index).assert(await issuer.state(`portal|${index}`, publicUrl))
  }
  tenant.controls.addFault({ path: '/oauth/token', status: 429, retryAfter: 60, times: 1 })
  for (const index of [0, 1, 2]) {
    const answer = await enter(index)
    t.match(
      [answer.status, answer.headers.get('retry-after'), await answer.json()],
      [503, /^(?:60|59)$/, { errors: [{ code: 'GW-TENANT-BUSY' }] }]
    )
  }
  t.equal(tokenCalls(), 1)
})
