import { once } from 'node:events'
import t from 'tap'
import { WebSocket } from 'ws'
import { startGateway } from '../helpers/gateway.js'
import { accept } from '../helpers/engine-sockets.js'
import { until } from '../helpers/log.js'
import { startPlainTenant } from '../helpers/plain-tenant.js'
import { serveHttp } from '../helpers/servers.js'
import { cookieFor, entryFor, startSeveral } from '../helpers/several-tenants.js'
import { cookieOf, freshSession } from '../helpers/session-cookie.js'

t.test('a session belongs to the tenant and the OAuth client that issued its tokens, under the same session keys too', async t => {
  const one = await startPlainTenant(t)
  const two = await startPlainTenant(t)
  const cookie = await cookieOf(freshSession(), one)
  const cases: [title: string, tenant: typeof one, clientId: string, status: number][] = [
    ['its own', one, one.client.id, 200],
    ['another tenant', two, two.client.id, 401],
    ['another client of the tenant', one, 'another', 401]
  ]
  for (const [title, tenant, id, status] of cases) {
    const { origin } = await startGateway(t, { tenant: { ...tenant, client: { ...tenant.client, id } } })
    const before = tenant.requests.length
    const answer = await fetch(`${origin}/api/v1/items`, { headers: { cookie } })
    const heard = tenant.requests.slice(before).filter(({ url }) => url === '/api/v1/items').length
    t.same([answer.status, heard, answer.headers.getSetCookie()], [status, status === 200 ? 1 : 0, []], title)
  }
})

t.test('the limits of one tenant are exhausted for it alone: logins, requests and sockets', async t => {
  const waiting: (() => void)[] = []
  const { server, origin } = await serveHttp(t, (request, response) => {
    if (request.url === '/api/slow') waiting.push(() => { response.end() })
    else response.end()
  })
  server.on('upgrade', (request, socket) => { accept(socket as Parameters<typeof accept>[0], request) })
  const entries = ['one', 'two'].map(name => entryFor(name, `https://${name}.example.com`, { origin }))
  const gateway = await startSeveral(t, () => entries, {
    top: { maxLoginsPerMinute: 1, maxRequestsPerSession: 1, maxUpstreamConnections: 2, maxSockets: 1 }
  })
  const open = (url: string, cookie: string) => {
    const headers = { host: new URL(url).host, origin: url, cookie }
    const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/app/x`, { headers })
    // What was refused counts as an error when it is let go.
    socket.on('error', () => {})
    t.teardown(() => { socket.terminate() })
    return socket
  }
  const slow: Promise<{ status: number }>[] = []
  for (const entry of entries) {
    const url = String(entry.publicUrl)
    const cookie = await cookieFor(entry)
    t.same([(await gateway.get(`${url}/login`)).status, (await gateway.get(`${url}/login`)).status], [302, 429])
    slow.push(gateway.get(`${url}/api/slow`, { cookie }))
    await until(() => waiting.length === slow.length)
    t.match(await gateway.get(`${url}/api/x`, { cookie }), { status: 429 })
    await once(open(url, cookie), 'open')
    const [, refusal] = await once(open(url, cookie), 'unexpected-response') as [unknown, { statusCode: number }]
    t.equal(refusal.statusCode, 503)
  }
  for (const answer of waiting) answer()
  for (const answer of slow) t.match(await answer, { status: 200 })
})
