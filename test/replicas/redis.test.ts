import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { createEndedSessions } from '../../src/session/ended.js'
import { createSeal } from '../../src/session/seal.js'
import type { RenewableTokens } from '../../src/session/record.js'
import { createRenewedSessions } from '../../src/session/renewed.js'
import { createUsedSessions } from '../../src/session/used.js'
import { TokenFailure } from '../../src/credentials/token-failure.js'
import { createSignals } from '../../src/signals.js'
import { connectRedis } from '../../src/replicas/redis-link.js'
import { Refresher } from '../../src/credentials/refresh.js'
import { parseRedisUrl, type RedisServers } from '../../src/replicas/redis-servers.js'
import { shareGrants } from '../../src/replicas/shared-grants.js'
import { shareMarks } from '../../src/replicas/shared-marks.js'
import { createStores } from '../../src/replicas/stores.js'
import { createGate } from '../helpers/gate.js'
import { failureOf } from '../helpers/failure.js'
import { turnLimits } from '../helpers/limits.js'
import { createLog, until } from '../helpers/log.js'
import { patientMs, startRedis } from '../helpers/redis.js'

const hour = 3_600_000
const key = randomBytes(32)
const ping = "return 'pong'"
const serversAt = (url: string) => parseRedisUrl(url) as RedisServers
const newId = () => randomBytes(16).toString('base64url')
const tokensOf = (refreshToken: string, generation = 0, endsAt = hour): RenewableTokens =>
  ({ accessToken: `a${generation}`, refreshToken, grantedAt: 0, endsAt, generation })
const spendTwice = async () => { throw new Error('spent twice') }

/** A replica's connection, and what it logs. */
function join (t: Test, url: string, commandMs = patientMs) {
  const { log, messages, lines } = createLog()
  const signals = createSignals()
  const redis = connectRedis({ servers: serversAt(url), log, signals, commandMs })
  t.teardown(redis.close)
  return { redis, messages, lines, signals }
}

/** A replica with grants and a way to count them. */
async function replica (t: Test, url: string, { lockMs, keys = [key] }: { lockMs?: number, keys?: Buffer[] } = {}) {
  const { redis } = join(t, url)
  const grants = shareGrants({
    redis,
    seal: createSeal(keys, 'a tenant'),
    rememberMs: hour,
    now: () => 0,
    ...(lockMs === undefined ? {} : { lockMs })
  })
  await until(async () => await redis.run(ping, [], []) === 'pong')
  return { redis, grants }
}

t.test('Redis that is down, slow or killed is told once, costs no more than the limit, and comes back by itself', async t => {
  const server = await startRedis(t)
  await server.kill()
  const { redis, messages, lines } = join(t, server.url, 100)
  t.equal(await redis.run(ping, [], []), undefined, 'nobody waits for it')
  redis.send(ping, [], [])
  await until(() => messages().length === 1)
  await server.start()
  await until(async () => await redis.run(ping, [], []) === 'pong')
  t.same(messages(), ['Redis is away: the gateway goes on without it', 'Redis is back'])
  server.halt()
  const firstOf = async (ms: number) =>
    await Promise.race([redis.run(ping, [], []), new Promise(resolve => setTimeout(resolve, ms, 'waited'))])
  t.equal(await firstOf(30_000), undefined)
  t.equal(await firstOf(0), undefined, 'the next does not even wait')
  // Longer than the time to the first probe, whose answer is late.
  setTimeout(server.goOn, 1_000)
  await until(async () => await redis.run(ping, [], []) === 'pong')
  await server.kill()
  await until(() => messages().length === 5)
  await server.start()
  await until(async () => await redis.run(ping, [], []) === 'pong')
  t.same(messages(), Array.from({ length: 3 }, () => ['Redis is away: the gateway goes on without it', 'Redis is back']).flat())
  t.same(lines.map(({ level }) => level), ['warn', 'info', 'warn', 'info', 'warn', 'info'])
})

t.test('a gateway that was busy for longer than the limit does not count its Redis as away', async t => {
  const server = await startRedis(t)
  const { redis, messages } = join(t, server.url, 1_000)
  await until(async () => await redis.run(ping, [], []) === 'pong')
  // Redis sleeps, so that its answer is still to come when the turn of the event loop has ended.
  server.halt()
  const asked = redis.run(ping, [], [])
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_000)
  setTimeout(server.goOn, 150)
  t.equal(await asked, 'pong')
  t.same(messages(), [])
})

t.test('a Redis that is halted for long is connected anew', async t => {
  const server = await startRedis(t)
  const { redis, messages, signals } = join(t, server.url, 1_000)
  await until(async () => await redis.run(ping, [], []) === 'pong')
  server.halt()
  let failures = 0
  signals.on('redisFailed', () => { failures++ })
  for (let command = 0; command < 2; command++) redis.send(ping, [], [])
  // Both commands, then the connection that is silent, then an attempt to open another.
  await until(() => failures >= 4)
  server.goOn()
  await until(async () => await redis.run(ping, [], []) === 'pong')
  t.same(messages(), ['Redis is away: the gateway goes on without it', 'Redis is back'])
})

t.test('after a connection that lasted, the next one is made at once, and listens to what is still wanted', async t => {
  const server = await startRedis(t)
  const { log, messages } = createLog()
  const redis = connectRedis({ servers: serversAt(server.url), log, commandMs: patientMs, steadyMs: 0 })
  t.teardown(redis.close)
  const listeners = async (channel: string) => await server.ask(`PUBSUB NUMSUB ${channel}`)
  redis.listen('kept', () => {})
  const stop = redis.listen('left', () => {})
  await until(async () => (await listeners('left')).endsWith(':1\r\n'))
  stop()
  await until(async () => (await listeners('left')).endsWith(':0\r\n'))
  await server.ask('CLIENT KILL TYPE normal SKIPME yes')
  await server.ask('CLIENT KILL TYPE pubsub SKIPME yes')
  await until(() => messages().includes('Redis is back'))
  t.match(await listeners('kept'), /:1\r\n$/)
  t.match(await listeners('left'), /:0\r\n$/)
})

t.test('what is under way when the gateway ends is no outage', async t => {
  const server = await startRedis(t)
  const { log, messages } = createLog()
  const redis = connectRedis({ servers: serversAt(server.url), log, commandMs: patientMs })
  await until(async () => await redis.run(ping, [], []) === 'pong')
  server.halt()
  const asked = redis.run(ping, [], [])
  redis.close()
  t.equal(await asked, undefined)
  t.same(messages(), [])
  server.goOn()
})

t.test('a connection that opens when the gateway has ended is closed', async t => {
  const server = await startRedis(t)
  const { log, messages } = createLog()
  const taken = async () => Number(/total_connections_received:(\d+)/.exec(await server.ask('INFO stats'))?.[1])
  const before = await taken()
  connectRedis({ servers: serversAt(server.url), log }).close()
  // One more than those that ask here, and in the end none but the one that asks.
  let asked = 0
  await until(async () => await taken() > before + ++asked)
  await until(async () => /connected_clients:1\r/.test(await server.ask('INFO clients')))
  t.same(messages(), [])
})

t.test('what it tells on arrival must arrive before it counts as back', async t => {
  const server = await startRedis(t)
  const { redis, messages } = join(t, server.url)
  let arrivals = 0
  redis.onArrival(async () => { if (++arrivals === 1) throw new Error('too slow') })
  await until(async () => await redis.run(ping, [], []) === 'pong')
  await until(() => messages().length === 2)
  t.equal(arrivals, 2)
})

t.test('one replica grants, and all others get its result', async t => {
  const server = await startRedis(t)
  const replicas = await Promise.all([replica(t, server.url), replica(t, server.url), replica(t, server.url)])
  const asked = async () => Number(/cmdstat_eval:calls=(\d+)/.exec(await server.ask('INFO commandstats'))?.[1])
  const before = await asked()
  let granted = 0
  const grant = async () => {
    granted++
    await until(async () => await asked() >= before + 15)
    return tokensOf('r+', 1)
  }
  const outcomes = await Promise.all(
    replicas.flatMap(({ grants }) => Array.from({ length: 5 }, async () => await grants.run(tokensOf('r'), true, grant)))
  )
  t.equal(granted, 1)
  t.same(outcomes.map(({ tokens }) => tokens), outcomes.map(() => tokensOf('r+', 1)))
  t.equal(outcomes.filter(({ here }) => here).length, 1)
  t.same(await replicas[0].grants.find(tokensOf('r')), tokensOf('r+', 1))
  t.equal(await replicas[0].grants.find(tokensOf('r+', 1)), undefined)
  await replicas[0].grants.run(tokensOf('r', 1), true, async () => tokensOf('r', 2))
  t.same(
    await replicas[1].grants.find(tokensOf('r', 1)),
    tokensOf('r', 2),
    'a token that is not rotated is another one with each generation'
  )
})

t.test('nothing in Redis is readable, and a result moved to another user\'s key opens as nothing', async t => {
  const server = await startRedis(t)
  const { grants, redis } = await replica(t, server.url)
  await grants.run(tokensOf('secret-one'), true, async () => tokensOf('secret-two', 1))
  const [name = ''] = await redis.run("return redis.call('KEYS', '*')", [], []) as string[]
  t.notMatch(name, /secret/)
  t.notMatch(await redis.run("return redis.call('GET', KEYS[1])", [name], []), /secret|refresh/)
  t.ok(Number(await redis.run("return redis.call('PTTL', KEYS[1])", [name], [])) <= hour)
  await grants.run(tokensOf('other'), true, async () => tokensOf('next', 1))
  const others = (await redis.run("return redis.call('KEYS', '*outcome')", [], []) as string[]).find(key => key !== name) as string
  await redis.run("return redis.call('RENAME', KEYS[1], ARGV[1])", [name], [others])
  t.match(await failureOf(grants.run(tokensOf('other'), true, spendTwice)), { kind: 'unavailable', tenantCode: 'UNREADABLE' })
  const stranger = await replica(t, server.url, { keys: [randomBytes(32)] })
  await grants.run(tokensOf('third'), true, async () => tokensOf('fourth', 1))
  t.match(
    await failureOf(stranger.grants.run(tokensOf('third'), true, spendTwice)),
    { kind: 'unavailable', tenantCode: 'UNREADABLE', retryAfterSeconds: 1 },
    'a replica without the key does not spend the token again'
  )
})

t.test('failures are shared by kind: a refusal for long unless it is to be confirmed, any other until the next attempt is due', async t => {
  const { url } = await startRedis(t)
  const [one, two] = await Promise.all([replica(t, url), replica(t, url)])
  // The only key, and how long it would have lived.
  const keepOnly = `
    local name = redis.call('KEYS', '*')[1]
    local left = redis.call('PTTL', name)
    redis.call('PERSIST', name)
    return { name, left }`
  const refused = new TokenFailure('refused', { status: 401, tenantCode: 'X-1' })
  const cases: [token: string, error: Error, expected: object, leastMs: number, mostMs: number][] = [
    ['refused', refused, { kind: 'refused', status: 401, tenantCode: 'X-1' }, 500_000, 600_000],
    ['to be confirmed', refused, { kind: 'refused', status: 401, tenantCode: 'X-1' }, 1, 900],
    ['limited', new TokenFailure('limited', { status: 403 }), { kind: 'limited', status: 403 }, 1, 900],
    ['busy', new TokenFailure('unavailable', { status: 429, retryAfterSeconds: 30 }),
      { kind: 'unavailable', retryAfterSeconds: 30 }, 25_000, 29_900],
    ['boom', new Error('boom'), { kind: 'unavailable' }, 1, 900]
  ]
  for (const [token, error, expected, leastMs, mostMs] of cases) {
    const urgent = token !== 'to be confirmed'
    let kept: Promise<unknown> | undefined
    const failing = one.grants.run(tokensOf(token), urgent, async () => {
      // Behind the command that stores the failure, on the same connection.
      setImmediate(() => { kept = one.redis.run(keepOnly, [], []) })
      throw error
    })
    t.match(await failureOf(failing), expected)
    const [name = '', lifeMs = 0] = await kept as [string?, number?]
    t.ok(lifeMs >= leastMs && lifeMs <= mostMs, `${token}: ${lifeMs}`)
    t.match(await failureOf(two.grants.run(tokensOf(token), urgent, async () => { throw new Error('asked twice') })), expected)
    t.equal(await two.grants.find(tokensOf(token)), undefined)
    await one.redis.run("return redis.call('DEL', KEYS[1])", [name], [])
  }
})

t.test('a living holder extends its lock, and the lock of one that died ends', async t => {
  const { url } = await startRedis(t)
  const [holder, dying, other] = await Promise.all([replica(t, url), replica(t, url, { lockMs: 300 }), replica(t, url)])
  const gate = createGate()
  let held = 0
  const hold = async () => {
    held++
    await gate.opened
    return tokensOf('r+', 1)
  }
  const limits = turnLimits(t)
  const granting = holder.grants.run(tokensOf('r'), true, hold)
  await until(() => held === 1)
  const lock = "local key = redis.call('KEYS', '*:lock')[1]"
  await holder.redis.run(`${lock} return redis.call('PEXPIRE', key, 5000)`, [], [])
  limits.pass(3)
  const leftMs = await holder.redis.run(`${lock} return redis.call('PTTL', key)`, [], []) as number
  t.ok(leftMs > 5_000, `${leftMs} ms are left of a lock of 12 seconds`)
  gate.open()
  await granting

  const forgotten = dying.grants.run(tokensOf('q'), true, async () => await new Promise(() => { held++ }))
  forgotten.catch(() => {})
  await until(() => held === 2)
  dying.redis.close()
  t.match(await other.grants.run(tokensOf('q'), true, async () => tokensOf('q+', 1)), { here: true })
})

t.test('a replica whose lock was lost overwrites nothing of its successor, but loses no tokens', async t => {
  const { url } = await startRedis(t)
  const [slow, quick] = await Promise.all([replica(t, url), replica(t, url)])
  const loseLocks = async () => { await quick.redis.run("return redis.call('FLUSHALL')", [], []) }
  let fail: ((error: Error) => void) | undefined
  const heldUp = failureOf(slow.grants.run(tokensOf('r'), true, async () => await new Promise((_resolve, reject) => { fail = reject })))
  await until(() => fail)
  await loseLocks()
  t.match(await quick.grants.run(tokensOf('r'), true, async () => tokensOf('r+', 1)), { here: true })
  fail?.(new TokenFailure('refused', { status: 401 }))
  t.match(await heldUp, { kind: 'refused' })
  t.same(await slow.grants.find(tokensOf('r')), tokensOf('r+', 1))
  let give: ((tokens: RenewableTokens) => void) | undefined
  const late = slow.grants.run(tokensOf('q'), true, async () => await new Promise(resolve => { give = resolve }))
  await until(() => give)
  await loseLocks()
  await failureOf(quick.grants.run(tokensOf('q'), true, async () => { throw new TokenFailure('refused', { status: 401 }) }))
  give?.(tokensOf('q+', 1))
  await late
  t.same(await quick.grants.find(tokensOf('q')), tokensOf('q+', 1), 'but tokens are never lost')
})

t.test('whoever has seen another replica spend a token does not spend it again when Redis goes, and keeps waiting for so long', async t => {
  const server = await startRedis(t)
  const [one, two] = await Promise.all([replica(t, server.url), replica(t, server.url, { lockMs: 100 })])
  let held = 0
  const hold = async () => await new Promise<RenewableTokens>(() => { held++ })
  for (const token of ['r', 's']) one.grants.run(tokensOf(token), true, hold).catch(() => {})
  await until(() => held === 2)
  t.match(
    await failureOf(two.grants.run(tokensOf('s'), true, spendTwice)),
    { kind: 'unavailable', tenantCode: 'NO-WORD' },
    'waiting is bounded'
  )
  const waiting = failureOf(two.grants.run(tokensOf('r'), true, spendTwice))
  // Redis answers in turn: when this is answered, the lock has been seen.
  await two.redis.run(ping, [], [])
  await server.kill()
  t.match(await waiting, { kind: 'unavailable', tenantCode: 'NO-WORD', retryAfterSeconds: 1 })
  t.match(await two.grants.run(tokensOf('t'), true, async () => tokensOf('t+', 1)), { here: true }, 'others go on as without it')
})

t.test('a token that another replica was seen to spend is not spent again when Redis comes back without its memory', async t => {
  const server = await startRedis(t)
  const [one, two] = await Promise.all([replica(t, server.url), replica(t, server.url)])
  let give: ((tokens: RenewableTokens) => void) | undefined
  const granting = one.grants.run(tokensOf('r'), true, async () => await new Promise(resolve => { give = resolve }))
  const again = async () => await two.grants.run(tokensOf('r'), true, spendTwice)
  await until(() => give)
  const waiting = failureOf(again())
  // Redis answers in turn: when this is answered, the lock has been seen.
  await two.redis.run(ping, [], [])
  await server.kill()
  t.match(await waiting, { tenantCode: 'NO-WORD' })
  t.match(await failureOf(again()), { tenantCode: 'NO-WORD' }, 'nor while it is away')
  await server.start()
  await until(async () => await two.redis.run(ping, [], []) === 'pong')
  const found = again()
  give?.(tokensOf('r+', 1))
  t.match(await found, { tokens: tokensOf('r+', 1), here: false })
  t.match(await granting, { here: true })
})

t.test('a lock that Redis gave too late to whom it was given is let go when Redis answers in time again', async t => {
  const server = await startRedis(t)
  const { redis } = join(t, server.url, 100)
  const grants = shareGrants({ redis, seal: createSeal([key], 'a tenant'), rememberMs: hour, now: () => 0 })
  const other = await replica(t, server.url)
  await until(async () => await redis.run(ping, [], []) === 'pong')
  server.halt()
  t.match(await failureOf(grants.run(tokensOf('r'), false, async () => tokensOf('r+', 1))), { tenantCode: 'NO-WORD' })
  server.goOn()
  await until(async () => await other.redis.run(ping, [], []) === 'pong')
  await until(async () => await other.grants.run(tokensOf('r'), true, async () => tokensOf('r+', 1)).then(() => true, () => false))
  t.same(await other.grants.find(tokensOf('r')), tokensOf('r+', 1))
})

t.test('while Redis is away a token is spent only when half of the time to renew has passed, and the result is told ' +
  'when it is back', async t => {
  const server = await startRedis(t)
  const { redis } = join(t, server.url)
  const clock = { at: hour - 60_000 }
  const grants = shareGrants({ redis, seal: createSeal([key], 'a tenant'), rememberMs: hour, now: () => clock.at })
  const other = await replica(t, server.url)
  await server.kill()
  await until(async () => await redis.run(ping, [], []) === undefined)
  const grant = async () => tokensOf('r+', 1)
  t.match(await failureOf(grants.run(tokensOf('r'), false, grant)), { kind: 'unavailable', tenantCode: 'NO-WORD', retryAfterSeconds: 1 })
  t.match(await grants.run(tokensOf('q'), true, async () => tokensOf('q+', 1)), { here: true }, 'at once where the tenant has refused it')
  clock.at += 30_000
  t.match(await grants.run(tokensOf('r'), false, grant), { here: true })
  await server.start()
  for (const token of ['r', 'q']) await until(async () => (await other.grants.find(tokensOf(token)))?.refreshToken === `${token}+`)
  t.match(await other.grants.run(tokensOf('q'), true, spendTwice), { tokens: tokensOf('q+', 1) })
})

t.test('a cookie that is several refreshes of other replicas old leads to the newest tokens without a grant', async t => {
  const { url } = await startRedis(t)
  const clock = { at: 0 }
  let granted = 0
  const start = async () => {
    const { grants } = await replica(t, url)
    const refresh = async ({ refreshToken, generation }: RenewableTokens) => {
      granted++
      return { ...tokensOf(`${refreshToken}+`, generation + 1), grantedAt: clock.at, endsAt: clock.at + hour }
    }
    return new Refresher({ grants, now: () => clock.at, refresh, discard () {} })
  }
  const [one, two, three] = await Promise.all([start(), start(), start()])
  let newest = await one.renew(tokensOf('r'))
  for (let round = 0; round < 3; round++) {
    clock.at += hour
    newest = await one.renew(newest)
  }
  t.equal(granted, 3)
  t.same(await two.renew(tokensOf('r')), newest)
  t.equal(granted, 3)
  t.equal(await three.currentRefreshToken(tokensOf('r')), 'r+++', 'also for the revocation')
})

t.test('an ended session is known to every replica, also to one that comes later, and after Redis has lost its memory', async t => {
  const server = await startRedis(t)
  const seal = createSeal([key], 'a tenant')
  const start = async () => {
    const { log, messages } = createLog()
    const stores = createStores({
      redis: connectRedis({ servers: serversAt(server.url), log, commandMs: patientMs }),
      seal,
      ended: createEndedSessions(hour),
      renewed: createRenewedSessions(hour),
      used: createUsedSessions(hour, Date.now),
      limits: { idleMs: hour, maxMs: hour },
      now: Date.now
    })
    t.teardown(stores.close)
    return { ...stores, messages }
  }
  const [one, two] = [await start(), await start()]
  const [first, second, third] = [newId(), newId(), newId()]
  await until(async () => /:2\r\n/.test(await server.ask('PUBSUB NUMSUB {qlik-embed-gateway}:ended')))
  let told = 0
  two.ended.listen(first, () => { told++ })
  one.ended.end(first)
  await until(() => two.ended.has(first))
  t.equal(told, 1, 'and who holds something open for it is told')
  const late = await start()
  await until(() => late.ended.has(first))
  await server.kill()
  await until(() => one.messages().length === 1)
  one.ended.end(second)
  await server.start()
  await until(() => two.ended.has(second))
  const latest = await start()
  await until(() => latest.ended.has(first) && latest.ended.has(second))
  for (const message of ['nonsense', `"${newId()}"`, `"${newId()} ${hour}"`, `"${newId()} -1"`]) {
    await server.ask(`PUBLISH {qlik-embed-gateway}:ended ${message}`)
  }
  one.ended.end(third)
  await until(() => two.ended.has(third))
  t.same([...two.ended.all()].map(([id]) => id).sort(), [first, second, third].sort(), 'and what is no mark is not heard')
})

t.test('a sign-in that renews a session is known to every replica, also to one that comes later, and takes nothing back', async t => {
  const server = await startRedis(t)
  const seal = createSeal([key], 'a tenant')
  const clock = { at: Date.now() }
  const start = async () => {
    const redis = connectRedis({ servers: serversAt(server.url), log: createLog().log, commandMs: patientMs })
    const stores = createStores({
      redis,
      seal,
      ended: createEndedSessions(hour),
      renewed: createRenewedSessions(hour),
      used: createUsedSessions(hour, Date.now),
      limits: { idleMs: hour, maxMs: hour },
      now: () => clock.at
    })
    t.teardown(stores.close)
    await until(async () => await redis.run(ping, [], []) === 'pong')
    return stores
  }
  const [one, two] = [await start(), await start()]
  const [first, second] = [newId(), newId()]
  await until(async () => /:2\r\n/.test(await server.ask('PUBSUB NUMSUB {qlik-embed-gateway}:renewed')))
  one.renewed.renew(first, { createdAt: clock.at, generation: 2 })
  await until(() => two.renewed.last(first).generation === 2)
  t.equal(two.renewed.last(first).createdAt, clock.at)
  clock.at += 60_000
  const late = await start()
  await until(() => late.renewed.last(first).generation === 2)
  t.ok(Math.abs(late.renewed.last(first).createdAt - clock.at) < 10_000, 'its age is that of Redis')
  two.renewed.renew(first, { createdAt: clock.at, generation: 5 })
  two.renewed.renew(first, { createdAt: clock.at - 30_000, generation: 3 })
  await server.kill()
  one.renewed.renew(second, { createdAt: clock.at, generation: 0 })
  await server.start()
  await until(() => two.renewed.last(second).createdAt > 0)
  t.same(two.renewed.last(first), { createdAt: clock.at, generation: 5 })
})

t.test('more ended sessions than one answer holds are read in pages', async t => {
  const { url } = await startRedis(t)
  const { redis } = join(t, url)
  const ids = Array.from({ length: 1_100 }, newId)
  const marks = shareMarks({ redis, name: 'ended', keepMs: hour, known: () => ids.map((id, index) => [id, index]), learn () {} })
  const read = new Set<string>()
  await until(async () => await redis.run("return redis.call('ZCARD', KEYS[1])", ['{qlik-embed-gateway}:ended'], []) === 1_100)
  marks.tell([[newId(), 0]])
  const another = join(t, url)
  shareMarks({ redis: another.redis, name: 'ended', keepMs: hour, known: () => [], learn: id => { read.add(id) } })
  await until(() => read.size === 1_101)
  t.pass()
})

t.test('marks keep their age on their way, and one is announced again only when it is newer', async t => {
  const server = await startRedis(t)
  const { redis } = join(t, server.url)
  const heard: [id: string, ageMs: number][] = []
  const id = newId()
  const marks = shareMarks({ redis, name: 'used', keepMs: hour, known: () => [[id, 60_000]], learn: (...mark) => { heard.push(mark) } })
  await until(() => heard.length === 1)
  t.same(heard, [[id, 60_000]])
  marks.tell([[id, 60_500]])
  marks.tell([[id, 30_000]])
  await until(() => heard.length === 2)
  t.same(heard[1], [id, 30_000])
  const late = join(t, server.url)
  const read: number[] = []
  shareMarks({ redis: late.redis, name: 'used', keepMs: hour, known: () => [], learn: (_id, ageMs) => { read.push(ageMs) } })
  await until(() => read.length === 1)
  t.ok(read[0] as number >= 30_000 && read[0] as number < 60_000, String(read))
})
