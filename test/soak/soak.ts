// Mixed traffic for SOAK_MINUTES (15): `npm run soak`. Two replicas with a Redis; access tokens of 30 seconds; faults of the tenant on and
// off; one replica ended and started again, by SIGTERM and by SIGKILL in turn.
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import type { Fault } from '../../sandbox/front/faults.js'
import { alice, bob } from '../../sandbox/identities.js'
import { startTenant } from '../../sandbox/tenant.js'
import { createBrowser, login, type Browser } from '../helpers/browser-jar.js'
import { settingsFor } from '../helpers/gateway.js'
import { reservePort } from '../helpers/ports.js'
import { startRedis } from '../helpers/redis.js'
import { createReplica, type Replica } from './replica.js'
import { createTraffic } from './traffic.js'

const minutes = Number(process.env.SOAK_MINUTES ?? 15)
const endsAt = Date.now() + minutes * 60_000
const goesOn = () => Date.now() < endsAt

const redis = await startRedis(t)
const ports = [await reservePort(), await reservePort()]
const publicUrl = `http://localhost:${ports[0]}`
const tenant = await startTenant({ accessTokenSeconds: 30, redirectUris: [`${publicUrl}/login/callback`] })
t.teardown(async () => { await tenant.close() })
const replicas = ports.map(port =>
  createReplica(
    port,
    settingsFor(tenant, port, {
      PUBLIC_URL: publicUrl,
      REDIS_URL: redis.url,
      KEEP_ALIVE_SECONDS: '70',
      SHUTDOWN_GRACE_SECONDS: '5',
      MAX_LOGINS_PER_MINUTE: '1000'
    })
  )
)
const [steady, restarted] = replicas as [Replica, Replica]
t.teardown(async () => { for (const replica of replicas) await replica.stop('SIGKILL') })
for (const replica of replicas) await replica.start()

// What was under way when a replica was ended, and what came until it served again.
const disturbances: { from: number, to: number }[] = []
const isDisturbed = (replica: Replica, since: number) => replica === restarted && disturbances.some(({ to }) => to >= since)
const traffic = createTraffic({ replicas, publicUrl, isDisturbed, isTokenRefused: () => fault === 'token endpoint busy once' })

// Requests to /api/v1/spaces and new sockets meet the faults; everything else must be served all the time.
const faults: Record<string, Fault> = {
  delay: { path: '/api/v1/spaces', delayMs: 1_500 },
  reset: { path: '/api/v1/spaces', reset: true },
  '5xx': { path: '/api/v1/spaces', status: 503 },
  429: { path: '/api/v1/spaces', status: 429, retryAfter: 1 },
  'half an answer': { path: '/api/v1/spaces', truncate: 100 },
  'upgrades refused': { path: '/app/', status: 503 },
  'upgrades reset': { path: '/app/', reset: true },
  'token endpoint busy once': { path: '/oauth/token', status: 503, times: 1 }
}
const periods = new Map<string, number>()
// The fault that is on; an answer to what was asked under it may come a little later.
let fault: string | undefined
const mayFail = () => fault !== undefined

async function switchFaults (): Promise<void> {
  for (let turn = 0; goesOn(); turn++) {
    const [name, what] = Object.entries(faults)[turn % Object.keys(faults).length] as [string, Fault]
    fault = name
    tenant.controls.addFault(what)
    await wait(4_000)
    tenant.controls.faults.clear()
    await wait(2_000)
    fault = undefined
    periods.set(name, (periods.get(name) ?? 0) + 1)
    await wait(2_000)
  }
}

/** A grant that dies with its process is lost with what it got: that is the one loss which no replica can make good. */
async function haltBetweenGrants (): Promise<void> {
  for (;;) {
    restarted.halt()
    // What it sent before arrives meanwhile, on a busy machine too.
    await wait(500)
    const idleMs = Date.now() - (tenant.controls.log.under('/oauth/token').at(-1)?.at ?? 0)
    if (idleMs > 500 && !(await redis.ask('KEYS *lock')).includes('lock')) return
    restarted.goOn()
    await wait(100)
  }
}

async function restart (): Promise<void> {
  for (let turn = 0; goesOn(); turn++) {
    await wait(Math.min(20_000, Math.max(0, endsAt - Date.now())))
    const disturbance = { from: Date.now(), to: Infinity }
    disturbances.push(disturbance)
    const signal = turn % 2 === 0 ? 'SIGTERM' : 'SIGKILL'
    restarted.notes.push(`${new Date().toISOString()} ${ports[1]}: ${signal}`)
    if (signal === 'SIGKILL') await haltBetweenGrants()
    await restarted.stop(signal)
    await wait(500)
    await restarted.start()
    disturbance.to = Date.now()
  }
}

async function signIn (user: typeof alice): Promise<Browser> {
  const tally = traffic.tallyOf('logins')
  for (;;) {
    const browser = createBrowser()
    const couldFail = mayFail()
    const answer = await login(browser, `${publicUrl}/login?returnto=/healthz`, user)
    await answer.body?.cancel()
    if (answer.status === 200) {
      tally.served++
      return browser
    }
    if (couldFail || mayFail()) tally.fault++
    else tally.lost.push(`${answer.status} at ${answer.url}`)
    await wait(1_000)
  }
}

async function use (browser: Browser): Promise<void> {
  while (goesOn()) {
    await traffic.call('reads', browser, '/api/v1/items')
    await traffic.call('reads under faults', browser, '/api/v1/spaces', { mayFail })
    await traffic.call('uploads', browser, '/api/v1/temp-contents?filename=x', {
      method: 'POST',
      body: Buffer.alloc(65_536, 1),
      wanted: 201
    })
    const session = await traffic.call('sessions', browser, '/gateway/session')
    if (session !== undefined && !session.body.includes('"authenticated":true')) logouts++
    await traffic.call('files', browser, '/')
    await wait(100)
  }
}

async function dial (browser: Browser): Promise<void> {
  while (goesOn()) await traffic.socket(browser, 1 + Math.floor(Math.random() * 8), mayFail)
}

/** Opens sockets for a moment each: what one of them leaves in memory adds up. */
async function dialAndLeave (browser: Browser): Promise<void> {
  while (goesOn()) {
    await traffic.socket(browser, 0, mayFail)
    await wait(20)
  }
}

/** Signs in, works, signs out: its cookie must open nothing afterwards. */
async function comeAndGo (): Promise<void> {
  while (goesOn()) {
    const browser = await signIn(bob)
    await traffic.call('reads', browser, '/api/v1/items')
    const cookie = browser.cookies.header(new URL(publicUrl))
    await traffic.call('logouts', browser, '/logout', { wanted: 303 })
    for (const line of cookie.split('; ')) browser.cookies.set(new URL(publicUrl), `${line}; Path=/`)
    // The other replica hears of it by Redis.
    await wait(1_000)
    await traffic.call('cookies after the logout', browser, '/api/v1/items', { wanted: 401 })
    await wait(3_000)
  }
}

let logouts = 0
const rows: string[][] = []
const measure = (when: string) => {
  const { memory, descriptors } = steady.measure()
  rows.push([when, `${memory} MB`, String(descriptors)])
  return { memory, descriptors }
}

const browsers = await Promise.all([alice, bob, alice, bob, alice, bob].map(signIn))
const idle = steady.measure()
rows.push(['after the logins', `${idle.memory} MB`, String(idle.descriptors)])
const watch = (async () => {
  for (const quarter of [1, 2, 3]) {
    await wait(minutes * 15_000)
    measure(`after ${quarter} of 4 quarters`)
  }
})()
await Promise.all([
  switchFaults(),
  restart(),
  comeAndGo(),
  watch,
  ...browsers.flatMap(browser => [use(browser), dial(browser), dial(browser)]),
  ...browsers.slice(0, 2).map(dialAndLeave)
])
measure('at the end of the traffic')
// Longer than the gateway keeps an idle connection of a client.
await wait(80_000)
const rest = measure('80 seconds later')

const table = (head: string[], lines: string[][]) =>
  [head, head.map(() => '---'), ...lines].map(cells => `| ${cells.join(' | ')} |`).join('\n')
t.comment(table(['requests', 'served', 'the tenant\'s fault passed on', 'repeated at the other replica', 'lost'],
  [...traffic.tallies].map(([kind, { served, fault, repeated, lost }]) => [kind, served, fault, repeated, lost.length].map(String))))
t.comment(table(['replica that was never ended', 'resident memory', 'open descriptors'], rows))
t.comment([
  `${minutes} minutes`,
  `${tenant.controls.grants.refresh_token} refresh grants`,
  `${disturbances.length} restarts of the other replica`,
  `faults: ${[...periods].map(([name, count]) => `${name} ${count} ×`).join(', ')}`
].join('; '))

t.comment(replicas.flatMap(({ notes }) => notes).sort().join('\n'))

for (const [kind, { served, lost }] of traffic.tallies) {
  t.ok(served > 0, `${kind} were served`)
  t.same(lost, [], `no ${kind} were lost that could have been served`)
}
t.equal(logouts, 0, 'nobody was signed out')
t.same(replicas.flatMap(({ errors }) => errors), [], 'the log holds no error')
t.ok(rest.descriptors <= idle.descriptors + 2, `descriptors are back: ${idle.descriptors}, then ${rest.descriptors}`)
t.ok(rest.memory <= idle.memory + 100, `memory is bounded: ${idle.memory} MB, then ${rest.memory} MB`)
