import { once } from 'node:events'
import type http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import t from 'tap'
import { WebSocket, type ClientOptions } from 'ws'
import { alice, bob } from '../identities.js'
import { startTenant, type Tenant } from '../tenant.js'
import { createCertificate } from '../../test/helpers/certificate.js'
import { callApi, callbackUri, obtainTokens } from '../../test/helpers/oauth-login.js'

interface Opened { socket: WebSocket, first: { method: string, params: Record<string, unknown> } }

const connect = (tenant: Tenant, path: string, headers: Record<string, string>, options: ClientOptions = {}): WebSocket => {
  return new WebSocket(tenant.origin.replace(/^http/, 'ws') + path, { headers, ...options })
}

const open = async (tenant: Tenant, path: string, headers: Record<string, string>): Promise<Opened> => {
  const socket = connect(tenant, path, headers)
  const [data] = await once(socket, 'message') as [Buffer]
  return { socket, first: JSON.parse(data.toString()) as Opened['first'] }
}

const refusal = async (
  tenant: Tenant,
  path: string,
  headers: Record<string, string> = {}
): Promise<{ status: number, body: string, headers: http.IncomingHttpHeaders }> => {
  const socket = connect(tenant, path, headers)
  socket.on('error', () => {})
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, http.IncomingMessage]
  let body = ''
  for await (const chunk of response) body += String(chunk)
  return { status: response.statusCode ?? 0, body, headers: response.headers }
}

t.test('the engine\'s door and the controls of the sandbox tenant', async t => {
  const lines: string[] = []
  const tenant = await startTenant({ redirectUris: [callbackUri], log: line => { lines.push(line) } })
  t.teardown(async () => { await tenant.close() })
  t.afterEach(() => { tenant.controls.clear() })
  const { access_token: token } = await obtainTokens(tenant, alice)
  const authorization = `Bearer ${token}`
  const path = `/app/${tenant.engine.apps[0]?.id}`
  const call = async (path: string, init?: RequestInit): Promise<Response> => await callApi(tenant, token, path, init)
  const control = async (method: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    await fetch(`${tenant.origin}/sandbox/controls`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      body: body === undefined ? null : JSON.stringify(body)
    })

  t.test('a socket with a bearer token reaches the engine, with identity and ttl', async t => {
    for (const suffix of ['', '/identity/one%20two', '/identity/x/ttl/60', '?reloadUri=http%3A%2F%2Fx&workloadType=interactive']) {
      const { socket, first } = await open(tenant, path + suffix, { authorization })
      t.match(
        first,
        { method: 'OnConnected', params: { qSessionState: suffix.startsWith('?') ? 'SESSION_ATTACHED' : 'SESSION_CREATED' } },
        suffix
      )
      if (suffix.startsWith('/identity/x')) {
        const { socket: other, first } = await open(tenant, path + suffix, { authorization })
        t.equal(first.params.qSessionState, 'SESSION_ATTACHED')
        other.close()
      }
      socket.close()
      await once(socket, 'close')
    }
    t.ok(
      tenant.controls.requests.some(request => request.upgrade && request.path === path && request.headers.authorization === authorization)
    )
  })

  t.test('an upgrade without a good token, with a foreign Origin or for no app is refused over HTTP', async t => {
    for (const headers of [{}, { authorization: 'Bearer x' }]) {
      const { status, body } = await refusal(tenant, path, headers)
      t.equal(status, 401)
      t.match(JSON.parse(body), { errors: [{ status: '401' }], traceId: String })
    }
    const foreign = await refusal(tenant, path, { authorization, origin: 'https://app.example' })
    t.equal(foreign.status, 403)
    t.match(foreign.body, 'OAUTH-29')
    for (const wrong of ['/app/nothing', '/other', '/app/']) t.equal((await refusal(tenant, wrong, { authorization })).status, 404)
  })

  t.test('faults refuse, delay, reset and close sockets', async t => {
    tenant.controls.addFault({ path: '/app/', status: 503, retryAfter: 7, times: 1 })
    const refused = await refusal(tenant, path, { authorization })
    t.equal(refused.status, 503)
    t.equal(refused.headers['retry-after'], '7')
    tenant.controls.addFault({ path: '/app/', reset: true, times: 1 })
    const socket = connect(tenant, path, { authorization })
    const [error] = await once(socket, 'error') as [NodeJS.ErrnoException]
    t.equal(error.code, 'ECONNRESET')
    tenant.controls.addFault({ path: '/app/', delayMs: 60, times: 1 })
    const startedAt = Date.now()
    const { socket: late } = await open(tenant, path, { authorization })
    t.ok(Date.now() - startedAt >= 55)
    tenant.controls.closeSockets(4003, '{"code":"x"}')
    const [code, reason] = await once(late, 'close') as [number, Buffer]
    t.same([code, reason.toString()], [4003, '{"code":"x"}'])
    tenant.controls.addFault({ path: '/app/', closeCode: 4004, closeReason: 'gone', delayMs: 10, times: 1 })
    const { socket: closed } = await open(tenant, path, { authorization })
    t.equal((await once(closed, 'close') as [number])[0], 4004)
  })

  t.test('faults answer, delay, reset and cut requests, as often as they are told', async t => {
    tenant.controls.addFault({ path: '/api/v1/items', method: 'GET', status: 503, retryAfter: 3, times: 2 })
    for (let count = 0; count < 2; count++) {
      const response = await call('/api/v1/items')
      t.equal(response.status, 503)
      t.equal(response.headers.get('retry-after'), '3')
      t.match(await response.json(), { errors: [{ status: '503' }] })
    }
    t.equal((await call('/api/v1/items')).status, 200)
    tenant.controls.addFault({ path: /items\?limit=1$/, status: 418, body: { odd: true }, headers: { 'x-odd': '1' }, times: 1 })
    const odd = await call('/api/v1/items?limit=1')
    t.same([odd.status, odd.headers.get('x-odd'), await odd.json()], [418, '1', { odd: true }])
    tenant.controls.addFault({ path: '/oauth/token', method: 'post', status: 200, body: 'not json', times: 1 })
    t.equal(await (await fetch(`${tenant.origin}/oauth/token`, { method: 'POST' })).text(), 'not json')
    tenant.controls.addFault({ path: '/api/', delayMs: 60, times: 1 })
    const startedAt = Date.now()
    t.equal((await call('/api/v1/features')).status, 200)
    t.ok(Date.now() - startedAt >= 55)
    tenant.controls.addFault({ path: '/api/', reset: true, times: 1 })
    await t.rejects(call('/api/v1/features'), { cause: { code: 'ECONNRESET' } })
    for (const truncate of [5, 0]) {
      tenant.controls.addFault({ path: '/api/', truncate, times: 1 })
      await t.rejects(call('/api/v1/items').then(async response => await response.text()), `cut after ${truncate} bytes`)
    }
    tenant.controls.addFault({ path: '/api/', truncate: 1_000_000, times: 1 })
    t.match(await (await call('/api/v1/items')).json(), { links: {} })
    tenant.controls.addFault({ path: '/api/', truncate: 200, times: 1 })
    const stream = await call('/api/v1/assistants/a/threads/b/actions/stream', { method: 'POST' })
    await t.rejects(stream.text())
  })

  t.test('the log has lower-case names, sizes and times, and can be asked by path', async t => {
    await call('/api/v1/items?limit=1', { headers: { 'X-Odd': '1' } })
    await fetch(`${tenant.origin}/oauth/token`, { method: 'POST', body: 'abc' })
    const [item] = tenant.controls.log.under('/api/v1/items')
    t.match(item, {
      method: 'GET',
      url: '/api/v1/items?limit=1',
      path: '/api/v1/items',
      upgrade: false,
      headers: { 'x-odd': '1' },
      at: Number
    })
    t.equal(tenant.controls.requests.at(-1)?.bodyBytes, 3)
    t.match(await (await fetch(`${tenant.origin}/sandbox/requests?path=/oauth/`)).json(), [{ path: '/oauth/token' }])
  })

  t.test('other processes turn the same screws over HTTP', async t => {
    const { access_token: other } = await obtainTokens(tenant, bob)
    const changed = await control('PATCH', {
      settings: { accessTokenSeconds: 3 },
      faults: [{ pattern: 'limit=7', status: 500, times: 1 }, { path: '/api/v1/spaces', status: 404, times: 1 }],
      redirectUris: [callbackUri],
      disableUsers: [bob.id]
    })
    t.equal(changed.status, 200)
    t.match(await changed.json(), {
      settings: { accessTokenSeconds: 3 },
      faults: [{ path: '/limit=7/' }, { path: '/api/v1/spaces' }],
      users: [{ id: alice.id }, { id: bob.id, disabled: true, liveTokens: 1 }]
    })
    t.equal((await call('/api/v1/items?limit=7')).status, 500)
    t.equal((await call('/api/v1/spaces')).status, 404)
    t.equal((await callApi(tenant, other, '/api/v1/features')).status, 403)
    await control('PATCH', { enableUsers: [bob.id] })
    t.equal((await callApi(tenant, other, '/api/v1/features')).status, 200)
    await control('PATCH', { revokeAll: [bob.id] })
    t.equal((await callApi(tenant, other, '/api/v1/features')).status, 401)
    const { socket } = await open(tenant, path, { authorization })
    await control('PATCH', { closeSockets: { code: 4007 } })
    t.equal((await once(socket, 'close') as [number])[0], 4007)
    const { access_token: ended } = await obtainTokens(tenant, bob)
    await control('PATCH', { endAccessTokens: true, clear: true })
    t.equal((await callApi(tenant, ended, '/api/v1/features')).status, 401)
    t.match(await (await control('GET')).json(), { settings: { accessTokenSeconds: 21600 }, faults: [] })
    t.equal((await control('DELETE')).status, 204)
    for (const wrong of [{ settings: { nothing: 1 } }, { faults: [{ status: 500 }] }, { redirectUris: ['http://x.example/'] }]) {
      t.equal((await control('PATCH', wrong)).status, 400)
    }
  })

  t.test('the controls are closed to pages in browsers', async t => {
    t.equal((await control('GET', undefined, { origin: 'https://app.example' })).status, 403)
    const { hostname, port } = new URL(tenant.origin)
    const socket = net.connect(Number(port), hostname)
    socket.end('GET /sandbox/controls HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n')
    const [answer] = await once(socket, 'data') as [Buffer]
    t.match(answer.toString(), /^HTTP\/1\.1 403 /)
  })

  t.notMatch(lines.filter(line => !line.startsWith('upgrade ')).join('\n'), /./, 'nothing was logged as an error')
})

t.test('the tenant serves https with a certificate of its own', async t => {
  const tls = createCertificate(['localhost', '127.0.0.1'])
  const tenant = await startTenant({ tls, redirectUris: [callbackUri] })
  t.teardown(async () => { await tenant.close() })
  t.match(tenant.origin, /^https:\/\/localhost:/)
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    https.get(`${tenant.origin}/resources/autogenerated/product-info.json`, { ca: tls.cert, agent: false }, resolve).on('error', reject)
  })
  t.equal(response.statusCode, 200)
  response.resume()
  await once(response, 'end')
  for (const host of ['localhost', '127.0.0.1']) {
    const [error] = await once(https.get({ host, port: new URL(tenant.origin).port, agent: false }), 'error') as [NodeJS.ErrnoException]
    t.equal(error.code, 'DEPTH_ZERO_SELF_SIGNED_CERT', 'a stranger\'s certificate is not trusted')
  }
})

t.test('several tenants live in one process, and a closed one leaves its port', async t => {
  const [one, other] = await Promise.all([startTenant(), startTenant()])
  t.not(one.origin, other.origin)
  t.match(await (await fetch(`${other.origin}/.well-known/oauth-authorization-server`)).json(), { issuer: other.origin })
  await Promise.all([one.close(), other.close()])
  await t.rejects(fetch(one.origin))
  const again = await startTenant({
    port: Number(new URL(one.origin).port),
    accessTokenSeconds: 9,
    clients: [{ clientId: 'mine', clientSecret: 's', redirectUris: [callbackUri] }]
  })
  t.teardown(async () => { await again.close() })
  t.equal(again.origin, one.origin)
  t.equal(again.controls.settings.accessTokenSeconds, 9)
  t.same(again.client, { id: 'mine', secret: 's' })
  const occupied = startTenant({ port: Number(new URL(again.origin).port) })
  await t.rejects(occupied, { code: 'EADDRINUSE' })
  const { port } = new URL(other.origin)
  await t.rejects(startTenant({ port: Number(port), idpPort: Number(new URL(again.idpOrigin).port) }), { code: 'EADDRINUSE' })
  const freed = await startTenant({ port: Number(port) })
  t.teardown(async () => { await freed.close() })
  t.equal(freed.origin, other.origin, 'a start that fails leaves no listener')
  t.equal(
    ((await startTenant({ clients: [] }).catch((error: unknown) => error)) as Error).message,
    'A tenant needs at least one OAuth client.'
  )
})
