import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { createNotedSessions } from '../../src/replicas/noted-sessions.js'
import { connectRedis } from '../../src/replicas/redis-link.js'
import { parseRedisUrl, type RedisServers } from '../../src/replicas/redis-servers.js'
import { createSeal } from '../../src/session/seal.js'
import { createLog, until } from '../helpers/log.js'
import { patientMs, startRedis } from '../helpers/redis.js'
import { freshSession } from '../helpers/session-cookie.js'

const seal = createSeal([randomBytes(32)], 'a tenant')

async function join (t: Test, url: string, lockMs?: number) {
  const redis = connectRedis({ servers: parseRedisUrl(url) as RedisServers, log: createLog().log, commandMs: patientMs })
  t.teardown(redis.close)
  await until(async () => await redis.run("return 'pong'", [], []) === 'pong')
  return { redis, ...createNotedSessions({ redis, seal, ...(lockMs === undefined ? {} : { lockMs }) }) }
}

t.test('a session that one replica notes is found by all, by each of its names, and what nobody noted by none', async t => {
  const { url, ask } = await startRedis(t)
  const [one, two] = [await join(t, url), await join(t, url)]
  const session = freshSession()
  await one.note(['a state', 'instead of another'], session)
  t.same(one.known(['a state']), [session])
  t.same(two.known(['a state']), [], 'asked for first')
  await two.learn(['instead of another', 'a third', 'a state'])
  t.same(two.known(['a state', 'a third', 'instead of another']), [session, session])
  const stored = await ask('KEYS *')
  t.notMatch(stored, 'a state', 'and Redis holds no name')
  await one.note([], session)
  t.equal(await ask('KEYS *'), stored)
})

t.test('a value that is moved to another name, or that no key of the replica opens, is as if nobody had noted it', async t => {
  const { url, ask } = await startRedis(t)
  const [one, two] = [await join(t, url), await join(t, url)]
  await one.note(['one'], freshSession())
  const [key] = /\{.*:session/.exec(await ask('KEYS *:session')) ?? []
  await one.note(['other'], freshSession())
  const keys = (await ask('KEYS *:session')).match(/\{.*:session/g) ?? []
  const other = keys.find(each => each !== key)
  await ask(`COPY ${key} ${other} REPLACE`)
  await two.learn(['one', 'other'])
  t.equal(two.known(['one']).length, 1)
  t.same(two.known(['other']), [])
  const stranger = createNotedSessions({ redis: two.redis, seal: createSeal([randomBytes(32)], 'a tenant') })
  await stranger.learn(['one'])
  t.same(stranger.known(['one']), [])
})

t.test('who shares a name waits, whoever shares none does not, and what a replica that died left behind holds up ' +
  'nobody for long', async t => {
  const { url } = await startRedis(t)
  const [one, two] = [await join(t, url), await join(t, url, 200)]
  const steps: string[] = []
  let finish = () => {}
  const first = one.alone(['a', 'b'], async () => {
    steps.push('first begins')
    await new Promise<void>(resolve => { finish = resolve })
    steps.push('first ends')
  })
  await until(() => steps.length === 1)
  const second = createNotedSessions({ redis: two.redis, seal }).alone(['b', 'c'], async () => { steps.push('second') })
  await two.alone(['c', 'd'], async () => { steps.push('third') })
  finish()
  await Promise.all([first, second])
  t.same(steps, ['first begins', 'third', 'first ends', 'second'])
  await t.rejects(two.alone(['a'], async () => { throw new Error('failed') }), { message: 'failed' })
  t.equal(await one.alone(['a'], async () => 'free'), 'free')
  let begun = false
  const endless = one.alone(['e'], async () => {
    await new Promise<void>(resolve => {
      finish = resolve
      begun = true
    })
  })
  await until(() => begun)
  t.equal(await two.alone(['e'], async () => 'all the same'), 'all the same')
  finish()
  await endless
})

t.test('while Redis is away a replica notes and finds by itself', async t => {
  const server = await startRedis(t)
  const one = await join(t, server.url)
  await server.kill()
  await until(async () => await one.redis.run("return 'pong'", [], []) === undefined)
  const session = freshSession()
  await one.note(['a'], session)
  await one.learn(['b'])
  t.same(one.known(['a', 'b']), [session])
  t.equal(await one.alone(['a'], async () => 1), 1)
})
