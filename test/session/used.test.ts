import { once } from 'node:events'
import t from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { createUsedSessions } from '../../src/session/used.js'
import { startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { reservePort } from '../helpers/ports.js'
import { startRedis } from '../helpers/redis.js'
import { serveHttp } from '../helpers/servers.js'
import { cookieOf, freshSession, tenantAt } from '../helpers/session-cookie.js'

const hour = 3_600_000

/** A tenant that takes every WebSocket. */
async function startEngine (t: Parameters<typeof serveHttp>[0]): Promise<string> {
  const { origin, server } = await serveHttp(t, (_request, response) => { response.end() })
  const sockets = new WebSocketServer({ server })
  t.teardown(() => { sockets.close() })
  return origin
}

/** The Cookie header of a session whose tokens outlive the test, whatever its clock says. */
async function newCookie (tenant: string): Promise<string> {
  const session = freshSession()
  return await cookieOf({ ...session, grant: { ...session.grant, endsAt: session.createdAt + 1_000 * hour } }, tenantAt(tenant))
}

async function openSocket (origin: string, cookie: string, publicOrigin = origin): Promise<WebSocket> {
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/app/one`, { headers: { cookie, origin: publicOrigin } })
  await once(socket, 'open')
  return socket
}

const ask = async (origin: string, cookie: string) => await fetch(`${origin}/api/v1/csrf-token`, { headers: { cookie } })

t.test('a session is in use while anything holds it, and remembered from then on', async t => {
  const clock = { at: 1_000 }
  const used = createUsedSessions(100_000, () => clock.at)
  t.equal(used.lastUse('a'), 0)
  const [one, two] = [used.hold('a'), used.hold('a')]
  clock.at = 2_000
  t.equal(used.lastUse('a'), 2_000)
  one()
  clock.at = 3_000
  t.equal(used.lastUse('a'), 3_000)
  t.same([...used.held()], ['a'])
  two()
  clock.at = 5_000
  t.equal(used.lastUse('a'), 3_000)
  t.same([...used.held()], [])
  t.same([...used.all()], [['a', 2_000]])
  used.hold('a')
  t.same([...used.all()], [['a', 0]], 'each is told once')
})

t.test('what another replica says counts by its age, and never takes anything back', async t => {
  const used = createUsedSessions(100_000, () => 10_000)
  used.learn('a', 4_000)
  t.equal(used.lastUse('a'), 6_000)
  used.learn('a', 5_000)
  t.equal(used.lastUse('a'), 6_000)
  used.learn('a', 1_000)
  t.equal(used.lastUse('a'), 9_000)
})

t.test('a page that holds nothing but a socket keeps its session beyond the idle time, for as long as it holds it', async t => {
  const clock = { aheadMs: 0 }
  const tenant = await startEngine(t)
  const { origin } = await startGateway(t, {
    tenant: { origin: tenant },
    settings: { SESSION_IDLE_SECONDS: '3600', SESSION_MAX_SECONDS: '864000' },
    clock: { now: () => Date.now() + clock.aheadMs }
  })
  const [cookie, bystander] = [await newCookie(tenant), await newCookie(tenant)]
  const socket = await openSocket(origin, cookie)
  clock.aheadMs = 2 * hour
  t.equal((await ask(origin, bystander)).status, 401)
  const answer = await ask(origin, cookie)
  t.equal(answer.status, 204)
  t.match(answer.headers.get('set-cookie'), /^qlik-session=1\./, 'its cookie is sealed anew')
  socket.close()
  await once(socket, 'close')
  await until(async () => {
    clock.aheadMs += hour
    return (await ask(origin, cookie)).status === 401
  })
  const held = await openSocket(origin, answer.headers.get('set-cookie')?.split(';')[0] as string).catch(() => undefined)
  t.equal(held, undefined, 'and what is over does not come back')
  const last = await newCookie(tenant)
  clock.aheadMs = 0
  const open = await openSocket(origin, last)
  clock.aheadMs = 240 * hour
  const [code] = await once(open, 'close') as [number]
  t.equal(code, 4006, 'never beyond its absolute lifetime')
  t.equal((await ask(origin, last)).status, 401)
})

t.test('replicas that share a Redis know of each other\'s sockets, those that come later too', async t => {
  const redis = await startRedis(t)
  const tenant = tenantAt(await startEngine(t))
  const settings = { REDIS_URL: redis.url, SESSION_IDLE_SECONDS: '4' }
  const ports = [await reservePort(), await reservePort(), await reservePort()]
  const publicUrl = `http://localhost:${ports[0]}`
  const start = async (index: number) =>
    (await startGateway(t, { tenant, settings: { PORT: String(ports[index]), PUBLIC_URL: publicUrl, ...settings } })).origin
  const [one, two] = [await start(0), await start(1)]
  await until(async () => /:2\r\n/.test(await redis.ask('PUBSUB NUMSUB {qlik-embed-gateway}:used')))
  const [cookie, bystander] = [await newCookie(tenant.origin), await newCookie(tenant.origin)]
  const socket = await openSocket(one, cookie, publicUrl)
  await until(async () => (await ask(two, bystander)).status === 401)
  t.equal((await ask(two, cookie)).status, 204)
  const three = await start(2)
  await until(async () => (await ask(three, cookie)).status === 204)
  socket.close()
  await until(async () => (await ask(two, cookie)).status === 401)
  await until(async () => (await ask(three, cookie)).status === 401)
})
