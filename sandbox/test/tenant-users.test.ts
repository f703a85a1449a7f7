import t from 'tap'
import { alice } from '../identities.js'
import { startTenant } from '../tenant.js'
import { callApi, callbackUri, obtainTokens } from '../../test/helpers/oauth-login.js'

interface User { id: string, subject: string, assignedGroups: { name: string, providerType: string }[] }

t.test('users and groups of the sandbox tenant', async t => {
  const tenant = await startTenant({ redirectUris: [callbackUri] })
  t.teardown(async () => { await tenant.close() })
  const call = async (method: string, path: string, body?: unknown, token = tenant.administrators.apiKey): Promise<Response> =>
    await callApi(tenant, token, path, {
      method, ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
    })
  const find = async (filter: string): Promise<User[]> =>
    ((await (await call('GET', `/api/v1/users?filter=${encodeURIComponent(filter)}`)).json()) as { data: User[] }).data
  const assign = async (id: string, value: unknown): Promise<Response> =>
    await call('PATCH', `/api/v1/users/${id}`, [{ op: 'replace', path: '/assignedGroups', value }])
  const { access_token: token } = await obtainTokens(tenant, alice)

  t.test('a user is created once, and found by the subject', async t => {
    const carol = { subject: 'portal|"carol"', name: 'Carol Clark', email: 'carol@example.com' }
    t.same(await find('subject eq "portal|\\"carol\\""'), [])
    const created = await call('POST', '/api/v1/users', carol)
    t.equal(created.status, 201)
    t.match(await created.json(), { ...carol, status: 'active', assignedGroups: [] })
    t.equal((await call('POST', '/api/v1/users', carol)).status, 409)
    t.match(await find('subject eq "portal|\\"carol\\""'), [{ subject: carol.subject }])
    t.match(await find('subject eq "PORTAL|\\"CAROL\\""'), [{ subject: carol.subject }], 'case makes no difference to a filter')
    for (const body of [{}, { subject: 'x' }, { subject: '', name: 'x' }, { subject: 'x', name: 'x', email: 7 }]) {
      t.equal((await call('POST', '/api/v1/users', body)).status, 400)
    }
    for (const filter of ['subject ne "x"', 'subject eq x', 'password eq "x"', 'subject eq "\\x"', '']) {
      t.equal((await call('GET', `/api/v1/users?filter=${encodeURIComponent(filter)}`)).status, 400, filter)
    }
  })

  t.test('of several creations at once one succeeds', async t => {
    const answers = await Promise.all(
      [1, 2, 3].map(async () => await call('POST', '/api/v1/users', { subject: 'portal|erin', name: 'Erin' }))
    )
    t.same(answers.map(({ status }) => status).sort(), [201, 409, 409])
  })

  t.test('a custom group is created once', async t => {
    const group = { name: 'EMEA', status: 'active', providerType: 'custom' }
    const created = await call('POST', '/api/v1/groups', group)
    t.equal(created.status, 201, 'beside the one that the identity provider has by this name')
    t.match(await created.json(), group)
    t.equal((await call('POST', '/api/v1/groups', group)).status, 409)
    for (const wrong of [
      { ...group, name: '' },
      { ...group, providerType: 'idp' },
      { ...group, status: 'gone' }
    ]) { t.equal((await call('POST', '/api/v1/groups', wrong)).status, 400) }
    const { data } = await (await call('GET', `/api/v1/groups?filter=${encodeURIComponent('name eq "EMEA"')}`)).json() as { data: object[] }
    t.match(data, [{ name: 'EMEA', providerType: 'idp' }, { name: 'EMEA', providerType: 'custom' }])
  })

  t.test('custom groups that are there can be assigned, all others are told in a 207', async t => {
    const { id } = tenant.controls.setUser({ subject: 'portal|dave' })
    await call('POST', '/api/v1/groups', { name: 'EMEA', status: 'active', providerType: 'custom' })
    t.equal((await assign(id, [{ name: 'EMEA', providerType: 'custom' }])).status, 204)
    t.match(await find('subject eq "portal|dave"'), [{ assignedGroups: [{ name: 'EMEA', providerType: 'custom' }] }])
    const partly = await assign(id, [
      { name: 'EMEA', providerType: 'custom' },
      { name: 'Nowhere', providerType: 'custom' },
      { name: 'Analysts', providerType: 'idp' }
    ])
    t.equal(partly.status, 207)
    t.match(await partly.json(), {
      data: [
        { name: 'EMEA', status: 200 },
        { name: 'Nowhere', status: 400 },
        { name: 'Analysts', status: 400 }
      ]
    })
    t.equal((await assign(id, [])).status, 204)
    t.match(await find('subject eq "portal|dave"'), [{ assignedGroups: [] }])
    for (const body of [
      [],
      {},
      [{ op: 'add', path: '/assignedGroups', value: [] }],
      [{ op: 'replace', path: '/name', value: [] }],
      [{ op: 'replace', path: '/assignedGroups', value: 'EMEA' }]
    ]) {
      t.equal((await call('PATCH', `/api/v1/users/${id}`, body)).status, 400)
    }
    t.equal((await assign('nobody', [])).status, 404)
  })

  t.test('a login keeps the custom groups and brings those of the identity provider', async t => {
    tenant.controls.setUser({ subject: alice.subject, groups: ['Guests'] })
    await obtainTokens(tenant, alice)
    const [user] = await find(`subject eq "${alice.subject}"`)
    t.same(
      user?.assignedGroups.map(({ name, providerType }) => [name, providerType]),
      [
        ['Analysts', 'idp'],
        ['EMEA', 'idp'],
        ['Guests', 'custom']
      ]
    )
  })

  t.test('only administrators create users and groups, and assign', async t => {
    for (const [method, path] of [
      ['POST', '/api/v1/users'],
      ['POST', '/api/v1/groups'],
      ['GET', '/api/v1/groups'],
      ['PATCH', `/api/v1/users/${alice.id}`]
    ] as const) {
      t.equal((await call(method, path, method === 'GET' ? undefined : {}, token)).status, 403, `${method} ${path}`)
    }
  })
})
