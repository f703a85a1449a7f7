import { once } from 'node:events'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { impersonationGrant } from '../oauth/clients.js'
import { startTenant, type Tenant } from '../tenant.js'
import { callApi } from '../../test/helpers/oauth-login.js'

interface Answer {
  status: number
  retryAfter: string | null
  body: { access_token: string, errors?: { code: string, status: string }[]; [field: string]: unknown }
}

const carol = { subject: 'portal|carol', name: 'Carol Clark', email: 'carol@example.com' }

async function ask (tenant: Tenant, changes: Record<string, unknown> = {}, headers: Record<string, string> = {}): Promise<Answer> {
  const call = {
    client_id: tenant.client.id,
    client_secret: tenant.client.secret,
    grant_type: impersonationGrant,
    user_lookup: { field: 'subject', value: carol.subject },
    scope: 'user_default',
    ...changes
  }
  const response = await fetch(`${tenant.origin}/oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(call)
  })
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body: await response.json() as Answer['body'] }
}

interface EngineResponse {
  result: { qReturn: { qHandle: number }, qLayout: { qListObject: { qDataPages: { qMatrix: { qText: string }[][] }[] } } }
}

/** The result of an engine expression for the bearer of a token, which depends on the rows that the user may see. */
async function readAreas (tenant: Tenant, token: string): Promise<string[]> {
  const socket = new WebSocket(`${tenant.origin.replace(/^http/, 'ws')}/app/${tenant.engine.apps[0]?.id}/identity/${token.slice(-8)}`, {
    headers: { authorization: `Bearer ${token}` }
  })
  const call = async (id: number, handle: number, method: string, params: unknown[]): Promise<EngineResponse> => {
    socket.send(JSON.stringify({ jsonrpc: '2.0', id, handle, method, params }))
    const [data] = (await once(socket, 'message')) as [Buffer]
    return JSON.parse(data.toString()) as EngineResponse
  }
  await once(socket, 'message')
  const doc = await call(1, -1, 'OpenDoc', [tenant.engine.apps[0]?.id])
  const qListObjectDef = { qDef: { qFieldDefs: ['[Area]'] }, qInitialDataFetch: [{ qTop: 0, qLeft: 0, qHeight: 10, qWidth: 1 }] }
  const list = await call(2, doc.result.qReturn.qHandle, 'CreateSessionObject', [{ qInfo: { qType: 'list' }, qListObjectDef }])
  const { result: { qLayout } } = await call(3, list.result.qReturn.qHandle, 'GetLayout', [])
  socket.close()
  return qLayout.qListObject.qDataPages.flatMap(({ qMatrix }) => qMatrix.map(([cell]) => cell?.qText ?? ''))
}

t.test('impersonation at the sandbox tenant', async t => {
  const lines: string[] = []
  const tenant = await startTenant({ grantTypes: [impersonationGrant], log: line => { lines.push(line) } })
  t.teardown(async () => { await tenant.close() })
  const { controls } = tenant
  t.beforeEach(() => {
    controls.clear()
    controls.setUser(carol)
  })
  const refused = (t: Test, { status, body }: Answer, wanted: number, code?: string): void => {
    t.match([status, body], [wanted, { errors: [{ status: String(wanted), ...code === undefined ? {} : { code } }], traceId: String }])
  }

  t.test('a client gets a token for a user who never signed in, and no refresh token', async t => {
    const { status, body } = await ask(tenant)
    t.equal(status, 200)
    t.same(Object.keys(body).sort(), ['access_token', 'expires_at', 'expires_in', 'scope', 'token_type'])
    t.match(body, { token_type: 'bearer', scope: 'user_default', expires_in: 21600 })
    t.match(await (await callApi(tenant, body.access_token, '/api/v1/users/me')).json(), carol)
    const { id } = controls.setUser(carol)
    t.equal((await ask(tenant, { user_lookup: { field: 'userId', value: id } })).status, 200)
    t.equal(
      (
        await ask(
          tenant,
          { client_id: undefined, client_secret: undefined },
          { authorization: `Basic ${btoa(`${tenant.client.id}:${tenant.client.secret}`)}` }
        )
      ).status,
      200
    )
    t.match(
      [controls.grants.impersonation, controls.tokensGranted(carol.subject), controls.tokensGranted(id), controls.liveGrants(id)],
      [3, 3, 3, 3]
    )
    t.match(controls.describe(), { users: [{ subject: carol.subject, tokensGranted: 3, liveGrants: 3, liveTokens: 0 }] })
    controls.revokeAll(id)
    t.equal(controls.liveGrants(carol.subject), 0)
  })

  t.test('a body that says too little, or too much, is 400', async t => {
    const wrong: [Record<string, unknown>, string?][] = [
      [{ user_lookup: undefined }],
      [{ user_lookup: 'carol' }],
      [{ user_lookup: { field: 'email', value: carol.email } }],
      [{ user_lookup: { field: 'subject', value: '' } }],
      [{ user_lookup: { field: 'subject', value: 7 } }],
      [{ scope: undefined }, 'SANDBOX-OAUTH-SCOPE'],
      [{ scope: 'user_default other' }, 'SANDBOX-OAUTH-SCOPE'],
      [{ grant_type: 'urn:other' }, 'SANDBOX-OAUTH-GRANT-TYPE'],
      [{ grant_type: 'client_credentials' }, 'SANDBOX-OAUTH-GRANT-TYPE']
    ]
    for (const [changes, code] of wrong) refused(t, await ask(tenant, changes), 400, code)
    const form = new URLSearchParams({
      client_id: tenant.client.id,
      client_secret: tenant.client.secret,
      grant_type: impersonationGrant,
      scope: 'user_default'
    })
    t.equal((await fetch(`${tenant.origin}/oauth/token`, { method: 'POST', body: form })).status, 400)
    t.equal(controls.tokensGranted(carol.subject), 0)
  })

  t.test('another client than it says is 401, and one that may not impersonate is refused', async t => {
    refused(t, await ask(tenant, { client_secret: 'wrong' }), 401, 'OAUTH-22')
    refused(t, await ask(tenant, { client_secret: undefined }), 401, 'OAUTH-5')
    refused(t, await ask(tenant, { client_id: 'nobody' }), 401, 'OAUTH-14')
    refused(t, await ask(tenant, {}, { authorization: `Basic ${btoa('other:secret')}` }), 400)
    controls.setClient({ consent: 'required' })
    refused(t, await ask(tenant), 403, 'SANDBOX-OAUTH-CONSENT')
    controls.setClient({ consent: 'trusted', grantTypes: ['authorization_code', 'refresh_token'] })
    refused(t, await ask(tenant), 400, 'SANDBOX-OAUTH-GRANT-TYPE')
    controls.setClient({ grantTypes: [impersonationGrant] })
    t.equal((await ask(tenant)).status, 200)
  })

  t.test('a user who is disabled, unknown or has too many tokens gets none', async t => {
    const { id } = controls.setUser(carol)
    controls.disableUser(id)
    refused(t, await ask(tenant), 403, 'SANDBOX-OAUTH-DISABLED')
    controls.enableUser(id)
    const stranger = { user_lookup: { field: 'subject', value: 'nobody' } }
    refused(t, await ask(tenant, stranger), 404, 'SANDBOX-OAUTH-USER')
    for (const status of [400, 403] as const) {
      controls.set({ unknownUserStatus: status })
      refused(t, await ask(tenant, stranger), status)
    }
    controls.revokeAll(id)
    controls.set({ maximalTokensPerUser: 1 })
    t.equal((await ask(tenant)).status, 200)
    refused(t, await ask(tenant), 403, 'SANDBOX-OAUTH-TOKENS')
    controls.revokeAll(id)
    t.equal((await ask(tenant)).status, 200)
  })

  t.test('too many calls are 429 with Retry-After, and a fault can be for this grant alone', async t => {
    controls.set({ tokenCallsPerMinute: 1 })
    await ask(tenant)
    const late = await ask(tenant)
    t.ok(Number(late.retryAfter) > 0)
    refused(t, late, 429)
    controls.clear()
    controls.addFault({ path: '/oauth/token', grantType: 'client_credentials', status: 503, times: 1 })
    t.equal((await ask(tenant)).status, 200)
    controls.addFault({ path: '/oauth/token', grantType: impersonationGrant, status: 503, retryAfter: 9, times: 1 })
    const failed = await ask(tenant)
    t.same([failed.status, failed.retryAfter], [503, '9'])
    t.equal((await ask(tenant)).status, 200)
  })

  t.test('the groups that are assigned to a user decide which rows they see, from the next engine session on', async t => {
    controls.setUser({ ...carol, groups: ['EMEA'] })
    const { body: { access_token: token } } = await ask(tenant)
    t.same(await readAreas(tenant, token), ['EMEA'])
    controls.setUser({ ...carol, groups: ['Americas'] })
    t.same(await readAreas(tenant, token), ['Americas'])
  })

  t.test('other processes make users and change clients over HTTP', async t => {
    const changes = {
      users: [{ subject: 'portal|dave', groups: ['EMEA'] }],
      clients: [{ clientId: tenant.client.id, consent: 'required' }]
    }
    const response = await fetch(`${tenant.origin}/sandbox/controls`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(changes)
    })
    t.match(await response.json(), { users: [{ subject: carol.subject }, { subject: 'portal|dave' }] })
    refused(t, await ask(tenant), 403, 'SANDBOX-OAUTH-CONSENT')
    controls.setClient({ consent: 'trusted' })
  })

  t.same(lines, [], 'nothing was logged as an error')
})
