import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import t from 'tap'
import { TokenEndpoint } from '../src/credentials/token-endpoint.js'
import { createDial } from '../src/tenants/dial.js'
import { connectUpstream } from '../src/tenants/handshake.js'
import { openTunnel } from '../src/tenants/outbound-proxy.js'
import { abortAfter, within } from '../src/time-limit.js'
import { turnLimits } from './helpers/limits.js'

const limitMs = 100

/** Keeps the process from doing anything else for longer than a limit. */
function work (limit = limitMs): void {
  const until = performance.now() + 2 * limit
  while (performance.now() < until);
}

t.test('a gateway that is busy for longer than a limit gives up on no healthy neighbour', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  const accepted = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
  server.on('upgrade', (_request, socket: Socket) => { socket.write(accepted) })
  server.on('connect', (_request, socket: Socket) => { socket.write('HTTP/1.1 200 OK\r\n\r\n') })
  await once(server, 'listening')
  const sockets: Socket[] = []
  server.on('connection', socket => { sockets.push(socket) })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const dial = createDial(url, {}, { timeoutMs: limitMs })

  const dialling = dial()
  work()
  const connection = await dialling
  const asking = connectUpstream(
    { dial, takeReady: () => connection }, { path: '/app/x', headers: {}, signal: new AbortController().signal, timeoutMs: limitMs }
  )
  work()
  t.equal((await asking).accepted, true)
  const leastMs = 10 * limitMs
  server.removeAllListeners('upgrade')
  server.on('upgrade', (_request, socket: Socket) => { setTimeout(() => { socket.write(accepted) }, leastMs / 20) })
  const late = connectUpstream(
    { dial: createDial(url, {}) }, { path: '/app/x', headers: {}, signal: new AbortController().signal, timeoutMs: leastMs }
  )
  work(leastMs)
  t.equal((await late).accepted, true)
  const opening = openTunnel(url, new URL('https://tenant.test'), limitMs)
  work()
  sockets.push(await opening)
  const answer = within(limitMs, new Promise(resolve => { setImmediate(resolve, 'an answer') }))
  work()
  t.equal(await answer, 'an answer')
})

t.test('a gateway that is busy for longer than a limit loses no tokens that the tenant has sent', async t => {
  const tokens = { access_token: 'a', refresh_token: 'r', expires_in: 3600 }
  const tenant = createServer((_request, response) => { response.end(JSON.stringify(tokens)) }).listen(0, '127.0.0.1')
  await once(tenant, 'listening')
  t.teardown(() => {
    tenant.close()
    tenant.closeAllConnections()
  })
  const tenantUrl = new URL(`http://127.0.0.1:${(tenant.address() as AddressInfo).port}`)
  const leastMs = 10 * limitMs
  const endpoint = new TokenEndpoint({ tenantUrl, fetch, now: Date.now, timeoutMs: leastMs })
  const granting = endpoint.grant(async (_options, send) => await send(tenantUrl, { method: 'POST' }))
  work(leastMs)
  t.match(await granting, { accessToken: 'a', refreshToken: 'r' })
})

t.test('an answer that has arrived when the limit ends is read first', async t => {
  let answer = () => {}
  const tenant = createServer((_request, response) => { answer = () => { response.end('here') } }).listen(0, '127.0.0.1')
  await once(tenant, 'listening')
  t.teardown(() => {
    tenant.close()
    tenant.closeAllConnections()
  })
  const asked = once(tenant, 'request')
  const limits = turnLimits(t)
  const asking = fetch(`http://127.0.0.1:${(tenant.address() as AddressInfo).port}`, { signal: abortAfter(1_000) })
  await asked
  // The limit ends in the same callback in which the answer is sent, so that nothing has been read yet.
  await new Promise<void>(resolve => {
    setTimeout(() => {
      answer()
      limits.pass(1)
      resolve()
    }, 0)
  })
  t.equal(await (await asking).text(), 'here')
})

t.test('a request is given up when its time has passed', async t => {
  const silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => {
    silent.close()
    silent.closeAllConnections()
  })
  const asking = fetch(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`, { signal: abortAfter(limitMs) })
  await t.rejects(asking, { name: 'TimeoutError', message: `no answer within ${limitMs} ms` })
})
