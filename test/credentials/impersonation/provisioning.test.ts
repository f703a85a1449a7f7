import t from 'tap'
import { createKeyPair } from '../../../sandbox/key-pair.js'
import { impersonationGrant } from '../../../sandbox/oauth/clients.js'
import { startTenant } from '../../../sandbox/tenant.js'
import type { Administrator } from '../../../src/credentials/impersonation/administrator.js'
import { Provisioning } from '../../../src/credentials/impersonation/provisioning.js'
import { createClock, startGateway } from '../../helpers/gateway.js'
import { carol, clientOf, keepFile, settingsOf, startOwnUsers } from '../../helpers/own-users.js'
import { reservePort } from '../../helpers/ports.js'
import { createIssuer } from '../../helpers/statements.js'

const erin = { subject: 'portal|"erin"\\1', name: 'Erin Evans', email: 'erin@example.com' }

/** A gateway that creates users, and what its tenant knows of them. */
async function startProvisioning (
  t: Parameters<typeof startGateway>[0],
  { settings = {}, clock = createClock() }: { settings?: NodeJS.ProcessEnv, clock?: ReturnType<typeof createClock> } = {}
) {
  const issuer = createIssuer(clock)
  const tenant = await startTenant({ grantTypes: [impersonationGrant] })
  t.teardown(async () => { await tenant.close() })
  const { id, secret } = tenant.administrators.client
  const start = async () => {
    const port = await reservePort()
    const publicUrl = 'https://gateway.example'
    const { origin } = await startGateway(t, {
      tenant,
      clock,
      settings: {
        ...settingsOf(t, issuer),
        PORT: String(port),
        PUBLIC_URL: publicUrl,
        PROVISION_USERS: 'true',
        QLIK_ADMIN_CLIENT_ID: id,
        QLIK_ADMIN_CLIENT_SECRET: secret,
        ...settings
      }
    })
    const client = clientOf(origin, issuer, publicUrl)
    return {
      ...client,
      bring: async (subject: string, claims: object) => await client.assert(await issuer.state(subject, publicUrl, { ...claims }))
    }
  }
  const known = async (subject: string) => {
    const answer = await fetch(`${tenant.origin}/api/v1/users?limit=100`, {
      headers: { authorization: `Bearer ${tenant.administrators.apiKey}` }
    })
    const { data } = await answer.json() as {
      data: { subject: string, name: string, email: string, assignedGroups: { name: string, providerType: string }[] }[]
    }
    return data.filter(user => user.subject === subject)
  }
  const groupsOf = async (subject: string) => (await known(subject))[0]?.assignedGroups.map(({ name }) => name).sort()
  const calls = (method: string) =>
    tenant.controls.requests.filter(request => request.method === method && request.path.startsWith('/api/')).length
  return { tenant, start, known, groupsOf, calls, clock }
}

t.test('a user whom the tenant does not know is created with their groups before the first token', async t => {
  const { tenant, start, known, calls } = await startProvisioning(t)
  const { bring } = await start()
  t.equal((await bring(erin.subject, { ...erin, groups: ['EMEA', 'Readers'] })).status, 204)
  t.match(await known(erin.subject), [
    {
      ...erin,
      assignedGroups: [
        { name: 'EMEA', providerType: 'custom' },
        { name: 'Readers', providerType: 'custom' }
      ]
    }
  ])
  const paths = tenant.controls.requests.map(({ method, path }) => `${method} ${path}`)
  t.ok(
    paths.lastIndexOf('POST /oauth/token') > paths.findIndex(line => line.startsWith('PATCH')),
    'the token is the last that is asked for'
  )
  t.equal(calls('POST'), 3)
  t.equal((await bring(erin.subject, { ...erin, groups: ['Readers', 'EMEA'] })).status, 204)
  t.equal(calls('GET'), 2, 'what was done is not looked at again (one of both is of this test)')
})

t.test('groups that change are assigned in the place of those before; without groups they are left alone', async t => {
  const { start, groupsOf, calls } = await startProvisioning(t)
  const { bring } = await start()
  await bring(erin.subject, { groups: ['EMEA'] })
  await bring(erin.subject, { groups: ['Americas'] })
  t.same(await groupsOf(erin.subject), ['Americas'])
  await bring(erin.subject, {})
  t.same(await groupsOf(erin.subject), ['Americas'])
  await bring(erin.subject, { groups: 'EMEA' })
  t.same(await groupsOf(erin.subject), ['EMEA'], 'one group may be a text')
  await bring(erin.subject, { groups: [] })
  t.same(await groupsOf(erin.subject), [])
  t.equal(calls('PATCH'), 4)
})

t.test('a user and groups that are there are taken as they are', async t => {
  const { tenant, start, groupsOf, calls } = await startProvisioning(t)
  tenant.controls.setUser({ subject: erin.subject, groups: ['EMEA'] })
  t.equal((await (await start()).bring(erin.subject, { groups: ['EMEA'] })).status, 204)
  t.same([calls('POST'), calls('PATCH')], [0, 0])
  t.same(await groupsOf(erin.subject), ['EMEA'])
})

t.test('a user whose subject differs in case is somebody else', async t => {
  const { tenant, start, known } = await startProvisioning(t)
  tenant.controls.setUser({ subject: 'Portal|Frank' })
  t.equal((await (await start()).bring('portal|frank', {})).status, 204)
  t.equal((await known('portal|frank')).length, 1)
})

t.test('replicas that bring one user at the same time create one', async t => {
  const { tenant, start, known, groupsOf } = await startProvisioning(t)
  const replicas = [await start(), await start(), await start()]
  const answers = await Promise.all(
    Array.from({ length: 12 }, async (_, at) => await replicas[at % 3]?.bring(erin.subject, { groups: ['EMEA', 'Readers'] }))
  )
  t.ok(answers.every(answer => answer?.status === 204))
  t.equal((await known(erin.subject)).length, 1)
  t.same(await groupsOf(erin.subject), ['EMEA', 'Readers'])
  t.equal(tenant.controls.grants.impersonation, 3)
})

t.test('where only some groups are assigned they are made once more, and a rest that is missing is an error', async t => {
  const { tenant, start, groupsOf } = await startProvisioning(t)
  const { bring } = await start()
  tenant.controls.addFault({ path: '/api/v1/users/', method: 'PATCH', status: 207, body: { data: [] }, times: 1 })
  t.equal((await bring(erin.subject, { groups: ['EMEA'] })).status, 204)
  t.same(await groupsOf(erin.subject), ['EMEA'])
  tenant.controls.addFault({ path: '/api/v1/users/', method: 'PATCH', status: 207, body: { data: [] }, times: 2 })
  const answer = await bring(erin.subject, { groups: ['Americas'] })
  t.match([answer.status, answer.headers.get('retry-after'), await answer.json()], [503, '1', { errors: [{ code: 'GW-PROVISIONING' }] }])
  t.equal((await bring(erin.subject, { groups: ['Americas'] })).status, 204, 'and is tried again')
})

t.test('an API that limits or fails is told with the time to wait, and no token is asked for', async t => {
  const { tenant, start } = await startProvisioning(t)
  const { bring } = await start()
  const faults: [object, string][] = [
    [{ path: '/api/v1/users', status: 429, retryAfter: 7 }, '7'],
    [{ path: '/api/v1/users', status: 429, retryAfter: 500 }, '60'],
    [{ path: '/api/v1/users', method: 'POST', status: 500 }, '1'],
    [{ path: '/api/v1/users', method: 'POST', status: 409 }, '1'],
    [{ path: '/api/v1/users', status: 200, body: 'words' }, '1'],
    [{ path: '/api/v1/groups', status: 403 }, '1'],
    [{ path: '/api/v1/users', reset: true }, '1']
  ]
  for (const [fault, wait] of faults) {
    tenant.controls.addFault({ path: '/', ...fault })
    const answer = await bring(erin.subject, { groups: ['EMEA'] })
    t.match([answer.status, answer.headers.get('retry-after'), await answer.json()], [503, wait, { errors: [{ code: 'GW-PROVISIONING' }] }])
    tenant.controls.faults.clear()
  }
  t.equal(tenant.controls.grants.impersonation, 0)
})

t.test('the administration client has one token, renewed in time and when it is refused; a wrong secret is told as such', async t => {
  const clock = createClock()
  const { tenant, start } = await startProvisioning(t, { clock })
  const { bring } = await start()
  for (const name of ['one', 'two']) await bring(name, {})
  t.equal(tenant.controls.grants.client_credentials, 1)
  tenant.controls.endAccessTokens()
  t.equal((await bring('three', {})).status, 204)
  t.equal(tenant.controls.grants.client_credentials, 2)
  clock.aheadMs = 21_600_000 * 0.95
  t.equal((await bring('four', {})).status, 204)
  t.equal(tenant.controls.grants.client_credentials, 3)
  const wrong = await startProvisioning(t, { settings: { QLIK_ADMIN_CLIENT_SECRET: 'the-wrong-secret-of-a-client' } })
  const answer = await (await wrong.start()).bring(erin.subject, {})
  t.match([answer.status, await answer.json()], [503, { errors: [{ code: 'GW-CLIENT-REFUSED' }] }])
})

t.test('the administration client may have a key', async t => {
  const { privateKey, publicKey } = createKeyPair('P-384')
  const file = keepFile(t, String(privateKey.export({ type: 'pkcs8', format: 'pem' })))
  const { tenant, start, known } = await startProvisioning(t, {
    settings: { QLIK_ADMIN_CLIENT_SECRET: '', QLIK_ADMIN_CLIENT_KEY_FILE: file, QLIK_ADMIN_CLIENT_KEY_ID: 'k' }
  })
  tenant.controls.setClient(
    { authMethods: ['private_key_jwt'], publicKeys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'ES384', use: 'sig' }] },
    tenant.administrators.client.id
  )
  t.equal((await (await start()).bring(erin.subject, {})).status, 204)
  t.equal((await known(erin.subject)).length, 1)
})

t.test('a user who is deleted at the tenant is created anew at the next sign-in', async t => {
  const clock = createClock()
  const { tenant, start, calls } = await startProvisioning(t, { clock })
  const { bring, ask, enter } = await start()
  await bring(erin.subject, {})
  const cookie = await enter(erin.subject)
  clock.aheadMs = 21_700_000
  tenant.controls.addFault({ path: '/oauth/token', grantType: impersonationGrant, status: 404, times: 1 })
  t.equal((await ask('/api/v1/items', cookie)).status, 403)
  const before = calls('GET')
  t.equal((await bring(erin.subject, {})).status, 204)
  t.equal(calls('GET'), before + 1, 'the tenant is asked for them again')
})

t.test('without PROVISION_USERS nothing is created', async t => {
  const { tenant, origin, issuer, assert } = await startOwnUsers(t)
  t.equal((await assert(await issuer.state(carol.subject, origin, { groups: ['Americas'] }))).status, 204)
  t.same(tenant.controls.requests.map(({ path }) => path), ['/oauth/token'])
})

t.test('of two statements at the same time the later one counts, and one that fails is forgotten', async t => {
  const log: string[] = []
  let fail = true
  const administrator: Administrator = {
    async call (method, path, body) {
      log.push(`${method} ${path.split('?')[0]} ${JSON.stringify(body) ?? ''}`.trim())
      if (method === 'GET' && fail) {
        fail = false
        throw new Error('reset')
      }
      if (method === 'GET') return { status: 200, body: { data: [{ id: '1', subject: 'x' }] }, retryAfter: null }
      return { status: method === 'POST' ? 409 : 204, body: undefined, retryAfter: null }
    }
  }
  const provisioning = new Provisioning(administrator, Date.now)
  const first = provisioning.provision({ subject: 'x', groups: ['A'] })
  const second = provisioning.provision({ subject: 'x', groups: ['B'] })
  await t.rejects(first, { message: 'reset' })
  t.equal(await second, 'changed')
  t.equal(await provisioning.provision({ subject: 'x', groups: ['B'] }), 'before')
  t.match(log.at(-1), 'PATCH /api/v1/users/1 [{"op":"replace","path":"/assignedGroups","value":[{"name":"B","providerType":"custom"}]}]')
  log.length = 0
  await provisioning.probe('y')
  t.same(log, ['GET /api/v1/users', 'GET /api/v1/groups'], 'a probe changes nothing')
})
