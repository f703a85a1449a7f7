import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { builtCommand } from '../helpers/command.js'
import { settingsFor } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { reservePort } from '../helpers/ports.js'
import { noteOutputOf } from '../helpers/run-record.js'
import { serveHttp } from '../helpers/servers.js'
import { cookieOf, freshSession, tenantAt } from '../helpers/session-cookie.js'

interface Replica { port: number, child: ChildProcess, ready: boolean, served: number }

/** The built command, as it is deployed. */
function startReplica (t: Test, env: NodeJS.ProcessEnv): ChildProcess {
  const [command, ...words] = builtCommand
  const child = spawn(command, words, {
    env: { ...process.env, ...env, LOG_LEVEL: 'trace' },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  noteOutputOf(child)
  t.teardown(() => { child.kill('SIGKILL') })
  return child
}

async function isReady (port: number): Promise<boolean> {
  return await fetch(`http://127.0.0.1:${port}/readyz`).then(answer => answer.ok, () => false)
}

/** Sends each request to a replica that was ready when it was last asked, in turn, and never a second time. */
async function startBalancer (t: Test, replicas: Replica[]): Promise<string> {
  let turn = 0
  function next (): Replica {
    const ready = replicas.filter(one => one.ready)
    const chosen = ready[turn++ % ready.length] as Replica
    chosen.served++
    return chosen
  }
  const server = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming
    const onward = httpRequest({ port: next().port, host: '127.0.0.1', method, path, headers, agent: false }, answer => {
      outgoing.writeHead(answer.statusCode as number, answer.headers)
      answer.pipe(outgoing)
    })
    onward.on('error', () => { outgoing.writeHead(502).end() })
    incoming.pipe(onward)
  })
  server.on('upgrade', (incoming, socket) => {
    const onward = connect(next().port, '127.0.0.1', () => {
      onward.write(
        `GET ${incoming.url} HTTP/1.1\r\n${Object.entries(incoming.headers)
          .map(([name, value]) => `${name}: ${String(value)}\r\n`)
          .join('')}\r\n`
      )
      onward.pipe(socket).pipe(onward)
    })
    for (const side of [onward, socket]) side.on('error', () => { socket.destroy() })
  })
  const probes = setInterval(() => {
    for (const replica of replicas) isReady(replica.port).then(ready => { replica.ready = ready }, () => {})
  }, 100)
  // It never closes an idle connection that the load is about to use.
  server.keepAliveTimeout = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    clearInterval(probes)
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('a rolling restart of three replicas under load loses no request, and its sockets are told to resume and do', async t => {
  const tenant = await serveHttp(t, (request, response) => {
    request.resume()
    // Long enough that requests are in flight when a replica is told to end, and that the load does not fill the machine.
    setTimeout(() => { response.end('answer') }, 200)
  })
  const engine = new WebSocketServer({ server: tenant.server })
  engine.on('connection', socket => { socket.send('connected') })
  const cookie = await cookieOf(freshSession(), tenantAt(tenant.origin))
  const publicUrl = 'http://localhost:3000'
  const settings = (port: number) =>
    settingsFor(tenantAt(tenant.origin), port, { PUBLIC_URL: publicUrl, SHUTDOWN_GRACE_SECONDS: '10', SHUTDOWN_NOTICE_SECONDS: '2' })
  const replicas: Replica[] = []
  for (let count = 0; count < 3; count++) {
    const port = await reservePort()
    replicas.push({ port, child: startReplica(t, settings(port)), ready: false, served: 0 })
  }
  const balancer = await startBalancer(t, replicas)
  await until(() => replicas.every(({ ready }) => ready))

  let over = false
  const codes: number[] = []
  const open = new Set<WebSocket>()
  // As Qlik's client: after 4003 it probes once, at once, and opens another socket when that was answered.
  async function resume (): Promise<void> {
    const socket = new WebSocket(`${balancer.replace('http', 'ws')}/app/x`, { headers: { cookie, origin: publicUrl } })
    open.add(socket)
    const closed = once(socket, 'close') as Promise<[number]>
    await once(socket, 'message')
    const [code] = await closed
    open.delete(socket)
    if (over) return
    codes.push(code)
    const probe = await fetch(`${balancer}/api/v1/user-locale`, { headers: { cookie } })
    await probe.text()
    if (code === 4003 && probe.ok) await resume()
  }
  const sockets = Array.from({ length: 12 }, async () => { await resume() })

  const failures: string[] = []
  let answered = 0
  const load = Array.from({ length: 4 }, async () => {
    for (;;) {
      if (over) return
      const outcome = await fetch(`${balancer}/api/v1/items`, { headers: { cookie } }).then(
        async answer => `${answer.status} ${await answer.text()}`,
        (error: Error) => error.message
      )
      if (outcome === '200 answer') answered++
      else failures.push(outcome)
    }
  })

  await until(() => open.size === 12 && engine.clients.size === 12)
  for (const replica of replicas) {
    const exited = once(replica.child, 'exit') as Promise<[number | null, string | null]>
    replica.child.kill('SIGTERM')
    await until(async () => !await isReady(replica.port))
    t.same(await exited, [0, null])
    replica.child = startReplica(t, settings(replica.port))
    replica.served = 0
    await until(() => replica.ready && replica.served > 0)
  }
  await until(() => engine.clients.size === 12)
  t.equal(open.size, 12, 'every socket is open again')
  over = true
  for (const socket of open) socket.terminate()
  await Promise.all([...load, ...sockets])
  t.same(failures, [])
  t.ok(answered > 50, `${answered} requests were answered`)
  t.ok(codes.length >= 12, `${codes.length} sockets were moved`)
  t.same(new Set(codes), new Set([4003]))
})
