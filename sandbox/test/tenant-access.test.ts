import { once } from 'node:events'
import http from 'node:http'
import t from 'tap'
import { startTenant } from '../tenant.js'
import { callApi } from '../../test/helpers/oauth-login.js'

interface Policy { id: string }

t.test('by which hostnames and from which addresses the sandbox tenant is reached', async t => {
  const tenant = await startTenant({ moreHostnames: ['analytics.example.com'] })
  t.teardown(async () => { await tenant.close() })
  t.beforeEach(() => { tenant.controls.clear() })
  const { controls, administrators: { apiKey } } = tenant
  const ask = async (host: string, path: string): Promise<{ status: number | undefined, body: string, cors: string | undefined }> => {
    const request = http.get(`${tenant.origin}${path}`, { headers: { host, authorization: `Bearer ${apiKey}` }, agent: false })
    const [response] = await once(request, 'response') as [http.IncomingMessage]
    let body = ''
    for await (const chunk of response) body += String(chunk)
    return { status: response.statusCode, body, cors: response.headers['access-control-allow-origin'] }
  }
  const { host, port } = new URL(tenant.origin)
  const me = async (): Promise<unknown> => await (await callApi(tenant, apiKey, '/api/v1/tenants/me')).json()

  t.test('under a hostname that is not the tenant\'s everything is 400, in words of Qlik\'s', async t => {
    const { status, body, cors } = await ask(`other.example.com:${port}`, '/oauth/authorize?client_id=x')
    t.same([status, cors], [400, '*'])
    t.match(JSON.parse(body), { errors: [{ title: 'No authentication configured for this hostname', status: '400' }], traceId: String })
    t.equal((await ask(`[::1]:${port}`, '/api/v1/tenants/me')).status, 400)
    t.equal((await ask(host, '/api/v1/tenants/me')).status, 200)
  })

  t.test('a tenant tells all its hostnames, the original one first, and answers under each', async t => {
    t.match(await me(), { hostnames: ['localhost', '127.0.0.1', 'analytics.example.com'] })
    for (const name of [`127.0.0.1:${port}`, `analytics.example.com:${port}`]) {
      t.equal((await ask(name, '/api/v1/tenants/me')).status, 200, name)
    }
    controls.setHostnames(['first.example.com', 'localhost'])
    t.match(await me(), { hostnames: ['first.example.com', 'localhost'] })
    t.equal((await ask(`127.0.0.1:${port}`, '/api/v1/tenants/me')).status, 400)
    controls.clear()
    t.match(await me(), { hostnames: ['localhost', '127.0.0.1', 'analytics.example.com'] })
  })

  t.test('administrators keep IP policies, and cannot shut themselves out', async t => {
    const call = async (method: string, path: string, body?: unknown): Promise<Response> =>
      await callApi(tenant, apiKey, `/api/core/ip-policies${path}`, {
        method, ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
      })
    const policy = { name: 'Office', allowedIps: ['192.0.2.0/24', '127.0.0.1'], enabled: true }
    const created = await call('POST', '', policy)
    t.equal(created.status, 201)
    const { id } = await created.json() as Policy
    t.match(await (await call('GET', '')).json(), { data: [{ id, ...policy }], links: { self: {} } })
    t.match(await (await call('GET', `/${id}`)).json(), policy)
    const replace = async (path: string, value: unknown): Promise<number> =>
      (await call('PATCH', `/${id}`, [{ op: 'replace', path, value }])).status
    t.equal(await replace('/allowedIps', ['192.0.2.0/24']), 400)
    t.equal(await replace('/enabled', false), 204)
    t.equal(await replace('/allowedIps', ['192.0.2.0/24']), 204)
    t.equal(await replace('/enabled', true), 400)
    for (const [path, value] of [
      ['/name', ''],
      ['/enabled', 'yes'],
      ['/allowedIps', []],
      ['/allowedIps', ['2001:db8::1']],
      ['/allowedIps', ['192.0.2.0/40']],
      ['/id', 'x']
    ] as const) {
      t.equal(await replace(path, value), 400, `${path} ${JSON.stringify(value)}`)
    }
    t.equal((await call('POST', '', { ...policy, allowedIps: ['192.0.2.1'] })).status, 400)
    t.equal((await call('DELETE', `/${id}`)).status, 204)
    t.equal((await call('GET', `/${id}`)).status, 404)
  })

  t.test('an address that no enabled policy allows gets 403 everywhere', async t => {
    controls.allowAddresses(['192.0.2.0/24'])
    t.equal((await callApi(tenant, apiKey, '/api/v1/tenants/me')).status, 403)
    t.equal((await fetch(`${tenant.origin}/oauth/token`, { method: 'POST' })).status, 403)
    controls.allowAddresses(['127.0.0.0/8'])
    t.equal((await callApi(tenant, apiKey, '/api/v1/tenants/me')).status, 200)
    t.throws(() => { controls.allowAddresses(['nowhere']) })
    const changes = { allowAddresses: ['192.0.2.0/24'], hostnames: ['localhost', 'second.example.com'] }
    await fetch(`${tenant.origin}/sandbox/controls`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(changes)
    })
    t.equal((await callApi(tenant, apiKey, '/api/v1/tenants/me')).status, 403)
    controls.allowAddresses([])
    t.match(await me(), { hostnames: ['localhost', 'second.example.com'] })
  })
})
