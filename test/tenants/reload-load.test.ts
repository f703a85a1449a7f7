import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { accept, hello } from '../helpers/engine-sockets.js'
import { until } from '../helpers/log.js'
import { startRedis } from '../helpers/redis.js'
import { serveHttp } from '../helpers/servers.js'
import { cookieFor, entryFor, startSeveral, type Gateway } from '../helpers/several-tenants.js'

const reloads = 20
const body = JSON.stringify({ data: 'x'.repeat(10_000) })
const urlOf = (name: string) => `https://${name}.example.com`

/** A tenant whose answers take a while, so that some are under way at each reload, and which writes to all of its sockets when told to. */
async function startSlowTenant (t: Test) {
  const { origin, server } = await serveHttp(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write(body.slice(0, 5_000))
    setTimeout(() => { response.end(body.slice(5_000)) }, 20)
  })
  const sockets: Socket[] = []
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
    sockets.push(socket.on('error', () => {}))
    accept(socket, request, hello)
  })
  t.teardown(() => { for (const socket of sockets) socket.destroy() })
  return { origin, greet: () => { for (const socket of sockets) socket.write(hello) } }
}

t.test(`${reloads} reloads on each of three replicas lose no request, and end no socket or event stream of a tenant ` +
  'that stays', async t => {
  const redis = await startRedis(t)
  const { origin, greet } = await startSlowTenant(t)
  // One is as it was, one changes each time and keeps its sessions, one comes and goes.
  const [staying, changing, passing] = ['staying', 'changing', 'passing'].map(name => entryFor(name, urlOf(name), { origin })) as [
    ReturnType<typeof entryFor>,
    ReturnType<typeof entryFor>,
    ReturnType<typeof entryFor>
  ]
  const replicas = await Promise.all(
    [1, 2, 3].map(async () => await startSeveral(t, () => [staying, changing], { top: { redisUrl: redis.url } }))
  )
  const cookies = { staying: await cookieFor(staying), changing: await cookieFor(changing) }
  const names = ['staying', 'changing'] as const

  const ended: string[] = []
  const heard = new Map<WebSocket, number>()
  for (const { port } of replicas) {
    for (const name of names) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/app/x`, {
        headers: { host: new URL(urlOf(name)).host, origin: urlOf(name), cookie: cookies[name] }
      })
      socket.on('message', () => { heard.set(socket, (heard.get(socket) ?? 0) + 1) })
      socket.on('close', code => { ended.push(`${name} ${code}`) })
      await once(socket, 'message')
      t.teardown(() => { socket.terminate() })
    }
  }
  const streams = replicas.flatMap(gateway => names.map(async name => {
    const answer = await gateway.get(`${urlOf(name)}/gateway/events`, { cookie: cookies[name] })
    ended.push(`${name} events ${answer.body}`)
  }))

  const over = new AbortController()
  const outcomes = new Map<string, number>()
  const ask = async (gateway: Gateway, name: typeof names[number]): Promise<void> => {
    while (!over.signal.aborted) {
      const outcome = await gateway.get(`${urlOf(name)}/api/v1/items`, { cookie: cookies[name] }).then(
        answer => `${answer.status} ${answer.body === body}`,
        (error: Error) => error.message
      )
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    }
  }
  const load = replicas.flatMap(gateway => names.flatMap(name => [ask(gateway, name), ask(gateway, name), ask(gateway, name)]))
  const changes = ({ log }: Gateway) =>
    log.filter(({ msg, sessions }) => msg === 'the settings of a tenant have changed' && sessions === 'kept').length
  for (let reload = 1; reload <= reloads; reload++) {
    const isOdd = reload % 2 === 1
    await Promise.all(
      replicas.map(async gateway => {
        await gateway.write({ tenants: [staying, { ...changing, engineMode: isOdd ? 'view' : 'full' }, ...(isOdd ? [passing] : [])] })
      })
    )
    await until(() => replicas.every(gateway => changes(gateway) === reload))
    const before = [...heard.values()]
    greet()
    await until(() => [...heard.values()].every((count, at) => count > Number(before[at])))
  }
  over.abort()
  await Promise.all(load)
  t.same([...outcomes.keys()], ['200 true'])
  t.ok((outcomes.get('200 true') ?? 0) > reloads * replicas.length, 'requests were under way all the time')
  t.same(ended, [], 'no socket and no event stream has ended')
  // Its sessions end with it: the streams are open until then.
  await Promise.all(replicas.map(async gateway => { await gateway.write({ tenants: [passing] }) }))
  await Promise.all(streams)
  t.equal(ended.filter(line => line.includes('event: signed-out')).length, 6)
})
