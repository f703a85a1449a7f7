import { spawn } from 'node:child_process'
import { connect, createServer } from 'node:net'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { connectRedis } from '../../src/replicas/redis-link.js'
import { parseRedisUrl, type RedisMode, type RedisServers } from '../../src/replicas/redis-servers.js'
import { createSignals } from '../../src/signals.js'
import { builtCommand } from '../helpers/command.js'
import { createCertificate } from '../helpers/certificate.js'
import { makeFolder } from '../helpers/folder.js'
import { nowhere, settingsFor } from '../helpers/gateway.js'
import { createLog, until } from '../helpers/log.js'
import { reservePort } from '../helpers/ports.js'
import { patientMs } from '../helpers/redis.js'
import { documentedRights, startCluster, startRedisProcess, type RedisProcess } from '../helpers/redis-servers.js'

const away = 'Redis is away: the gateway goes on without it'
const write = "return redis.call('SET', KEYS[1], ARGV[1])"
const read = "return redis.call('GET', KEYS[1])"
const name = '{qlik-embed-gateway}:test'

const rights = documentedRights()

/** A gateway's connection: what it logs, and whether it can write. */
function join (t: Test, url: string, mode: RedisMode = 'single', master?: string) {
  const { log, messages, lines } = createLog()
  const signals = createSignals()
  const redis = connectRedis({ servers: parseRedisUrl(url, mode, master) as RedisServers, log, signals, commandMs: patientMs })
  t.teardown(redis.close)
  const writes = async (value: string) => await redis.run(write, [name], [value]) === 'OK'
  return { redis, messages, lines, signals, writes }
}

t.test('a master that became a replica is left, told once, and used again when it takes what is written', async t => {
  const [one, two] = [await startRedisProcess(t, []), await startRedisProcess(t, [])]
  const { messages, lines, signals, writes } = join(t, `redis://127.0.0.1:${one.port}`)
  await until(async () => await writes('first'))
  await one.ask(`REPLICAOF 127.0.0.1 ${two.port}`)
  t.notOk(await writes('second'))
  let attempts = 0
  signals.on('redisFailed', () => { attempts++ })
  await until(() => attempts >= 3)
  t.same(messages(), [away])
  t.match(lines[0], { failure: /^READONLY/ })
  await one.ask('REPLICAOF NO ONE')
  await until(async () => await writes('third'))
  t.same(messages(), [away, 'Redis is back'])
})

t.test('the database of the address is the one that is used', async t => {
  const server = await startRedisProcess(t, [])
  const { writes } = join(t, `redis://127.0.0.1:${server.port}/3`)
  await until(async () => await writes('first'))
  t.match(await server.ask('INFO keyspace'), /^db3:keys=1,/m)
})

t.test('a name that leads to another server after a failover is looked up again', async t => {
  const [old, next] = [await startRedisProcess(t, []), await startRedisProcess(t, [])]
  // What a cloud's primary endpoint does: connections stay with the server that they were made to.
  let master = old
  const endpoint = createServer(client => {
    const server = connect(master.port, '127.0.0.1')
    client.on('error', () => server.destroy()).pipe(server).on('error', () => client.destroy()).pipe(client)
  }).listen(await reservePort(), '127.0.0.1')
  await once(endpoint, 'listening')
  t.teardown(() => { endpoint.close() })
  const { port } = endpoint.address() as { port: number }
  const { writes, messages } = join(t, `redis://127.0.0.1:${port}`)
  await until(async () => await writes('first'))
  master = next
  await old.ask(`REPLICAOF 127.0.0.1 ${next.port}`)
  await until(async () => await writes('second'))
  t.match(await next.ask(`GET ${name}`), 'second')
  t.same(messages(), [away, 'Redis is back'])
})

/** Waits until a replica follows this master: before, nobody could take its place. */
async function untilReplicated (master: RedisProcess): Promise<void> {
  await until(async () => /slave0:[^\n]*state=online/.test(await master.ask('INFO replication')))
}

/** A master, its replica and three sentinels that know them as `gateway`. */
async function startSentinels (t: Test, { redis = [], sentinel = [] }: { redis?: string[], sentinel?: string[] } = {}) {
  const master = await startRedisProcess(t, redis)
  const replica = await startRedisProcess(t, [`replicaof 127.0.0.1 ${master.port}`, ...redis])
  const lines = [
    `sentinel monitor gateway 127.0.0.1 ${master.port} 2`,
    'sentinel down-after-milliseconds gateway 500',
    'sentinel failover-timeout gateway 2000',
    ...sentinel
  ]
  const sentinels: RedisProcess[] = []
  for (let i = 0; i < 3; i++) sentinels.push(await startRedisProcess(t, lines, { sentinel: true }))
  return { master, replica, sentinels, hosts: sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',') }
}

t.test('the master that sentinels name is used; when it is killed, the replica that takes its place', async t => {
  const { master, replica, sentinels, hosts } = await startSentinels(t)
  const { writes, messages, redis } = join(t, `redis://${hosts}`, 'sentinel', 'gateway')
  await until(async () => await writes('first'))
  await until(async () => (await replica.ask(`GET ${name}`)).includes('first'))
  for (const sentinel of sentinels) {
    await until(async () => (await sentinel.ask('SENTINEL CKQUORUM gateway')).startsWith('+OK 3 usable'))
  }
  await untilReplicated(master)
  for (const sentinel of sentinels) {
    await until(async () => (await sentinel.ask('SENTINEL REPLICAS gateway')).includes(String(replica.port)))
  }
  // A sentinel that is gone too costs nothing: the next one is asked.
  await master.kill()
  t.equal(await redis.run(read, [name], []), undefined, 'nobody waits for it')
  await until(async () => await writes('second'))
  t.match(await replica.ask(`GET ${name}`), 'second')
  t.same(messages(), [away, 'Redis is back'])
  await (sentinels[0] as RedisProcess).kill()
  const late = join(t, `redis://${hosts}`, 'sentinel', 'gateway')
  await until(async () => await late.writes('third'))
})

t.test('sentinels that ask for a user get that of Redis, and a name that they do not know is told', async t => {
  const users = [
    'user default off',
    `user gateway on >secret ${rights}`,
    'user sync on >secret allcommands allkeys allchannels',
    'masteruser sync',
    'masterauth secret'
  ]
  const sentinel = [
    'sentinel auth-user gateway sync', 'sentinel auth-pass gateway secret', 'user default off',
    'user gateway on >secret allchannels allcommands',
    'sentinel sentinel-user gateway', 'sentinel sentinel-pass secret'
  ]
  const { hosts } = await startSentinels(t, { redis: users, sentinel })
  const { writes, messages } = join(t, `redis://gateway:secret@${hosts}`, 'sentinel', 'gateway')
  await until(async () => await writes('first'))
  t.same(messages(), [])
  const named = join(t, `redis://gateway:secret@${hosts}`, 'sentinel', 'other')
  await until(() => named.lines.length > 0)
  t.match(named.lines[0], { failure: /no master of the name that is set/ })
})

t.test('a user of an ACL with the commands of the documentation is enough', async t => {
  const sources = readdirSync('src/replicas').map(file => readFileSync(`src/replicas/${file}`, 'utf8')).join('')
  const commands = [...sources.matchAll(/redis\.call\('([A-Z]+)'/g)].map(([, command = '']) => `+${command.toLowerCase()}`)
  t.ok(commands.length > 5)
  t.same([...new Set(commands)].filter(command => !rights.split(' ').includes(command)), [], 'every command of the scripts is there')
  const server = await startRedisProcess(t, ['user default off', `user gateway on >p%40ss ${rights}`])
  const { writes, messages } = join(t, `redis://gateway:${encodeURIComponent('p%40ss')}@127.0.0.1:${server.port}`)
  await until(async () => await writes('first'))
  t.same(messages(), [])
  const { lines } = join(t, `redis://gateway:wrong@127.0.0.1:${server.port}`)
  await until(() => lines.length === 1)
  t.match(lines[0], { failure: /^WRONGPASS/ })
})

t.test('the node of a cluster that holds the gateway\'s slot is used; when it is killed, its replica', async t => {
  const { nodes, owner } = await startCluster(t, name)
  await untilReplicated(owner)
  const others = nodes.filter(node => node !== owner)
  const { writes, messages, redis } = join(t, `redis://${others.map(({ port }) => `127.0.0.1:${port}`).join(',')}`, 'cluster')
  await until(async () => await writes('first'))
  const heard: string[] = []
  // A node that does not know by which host names clients reach the others leaves the host out.
  await others[0]?.ask('CONFIG SET cluster-preferred-endpoint-type unknown-endpoint')
  const listener = join(t, `redis://127.0.0.1:${others[0]?.port}`, 'cluster')
  listener.redis.listen('{qlik-embed-gateway}:told', message => { heard.push(message) })
  await until(async () => await redis.run("return redis.call('PUBLISH', ARGV[1], 'hello')", [name], ['{qlik-embed-gateway}:told']) === 1)
  await until(() => heard.length > 0)
  t.equal(heard[0], 'hello')
  await owner.kill()
  await until(async () => await writes('second'))
  t.same(messages(), [away, 'Redis is back'])
  const beginner = join(t, `redis://127.0.0.1:${owner.port},127.0.0.1:${others[0]?.port}`, 'cluster')
  await until(async () => await beginner.writes('third'))
  const single = join(t, `redis://${others.map(({ port }) => `127.0.0.1:${port}`)[0]}`)
  await until(() => single.lines.length === 1)
  t.match(
    single.lines[0],
    { failure: /^(?:MOVED|CLUSTERDOWN)/ },
    'as a single Redis a node of a cluster is of no use, and the log says why'
  )
})

t.test('TLS verifies the certificate, for the gateway and for doctor', async t => {
  const folder = makeFolder(t)
  const { cert, key } = createCertificate(['localhost'])
  writeFileSync(`${folder}/cert.pem`, cert)
  writeFileSync(`${folder}/key.pem`, key)
  const port = await reservePort()
  await startRedisProcess(t, [
    `tls-port ${port}`, `tls-cert-file ${folder}/cert.pem`, `tls-key-file ${folder}/key.pem`,
    `tls-ca-cert-file ${folder}/cert.pem`, 'tls-auth-clients no'
  ])
  const { lines } = join(t, `rediss://localhost:${port}`)
  await until(() => lines.length === 1)
  t.match(lines[0], { failure: /self-signed certificate/ })
  const doctor = async (env: NodeJS.ProcessEnv) => {
    const [command, ...words] = builtCommand
    const child = spawn(command, [...words, 'doctor', '--json', '--skip', 'tenant-name', '--skip', 'public-url'], {
      env: { ...process.env, ...settingsFor(nowhere, 0), REDIS_URL: `rediss://localhost:${port}`, ...env },
      stdio: ['ignore', 'pipe', 'pipe']
    })
    const { checks } = JSON.parse(await text(child.stdout)) as { checks: { check: string, state: string, text: string }[] }
    return checks.find(({ check }) => check === 'redis')
  }
  // On a busy machine it may answer too late now and then, and be told of for that.
  await until(async () => (await doctor({ NODE_EXTRA_CA_CERTS: `${folder}/cert.pem` }))?.state === 'ok')
  t.match(await doctor({}), { state: 'problem', text: /DEPTH_ZERO_SELF_SIGNED_CERT/ })
})
