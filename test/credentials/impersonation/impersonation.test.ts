import t from 'tap'
import { openSession } from '../../helpers/session-cookie.js'
import { createGate } from '../../helpers/gate.js'
import { createClock } from '../../helpers/gateway.js'
import { until } from '../../helpers/log.js'
import { carol, cookiesOf, dave, startOwnUsers } from '../../helpers/own-users.js'

t.test('a statement of the page\'s server begins a session, and the tenant sees its user', async t => {
  const { tenant, enter, ask } = await startOwnUsers(t)
  t.equal(tenant.controls.grants.impersonation, 0)
  const cookie = await enter()
  t.match(await (await ask('/api/v1/users/me', cookie)).json(), { subject: carol.subject })
  t.match(await (await ask('/gateway/session', cookie)).json(), { authenticated: true, user: { name: carol.name } })
  t.equal(tenant.controls.grants.impersonation, 1)
  t.equal(tenant.controls.grants.authorization_code, 0)
})

t.test('100 sessions of one user cost one token, and each user has one of their own', async t => {
  const { tenant, enter, ask } = await startOwnUsers(t, { settings: { MAX_LOGINS_PER_MINUTE: '1000' } })
  tenant.controls.setUser(dave)
  const cookies = await Promise.all(Array.from({ length: 100 }, async (_, at) => await enter(at % 2 === 0 ? carol.subject : dave.subject)))
  const subjects = await Promise.all(cookies.map(async cookie => {
    const me = await (await ask('/api/v1/users/me', cookie)).json() as { subject: string }
    return me.subject
  }))
  t.ok(subjects.every((subject, at) => subject === (at % 2 === 0 ? carol : dave).subject))
  t.equal(tenant.controls.grants.impersonation, 2)
})

t.test('no token is in the cookie', async t => {
  const { tenant, enter } = await startOwnUsers(t)
  const session = await openSession(await enter(), { ...tenant, credentials: 'impersonation' })
  t.same(Object.keys(session).sort(), ['createdAt', 'grant', 'id', 'subject', 'usedAt', 'v'])
  t.match(session.grant, { user: carol.subject, statement: String })
  t.same(Object.keys(session.grant).length, 2)
})

t.test('a token is renewed when a tenth of its life is left, once for all', async t => {
  const clock = createClock()
  const { tenant, enter, ask } = await startOwnUsers(t, { clock })
  const cookies = [await enter(), await enter()]
  const askAll = async () => await Promise.all(cookies.map(async cookie => (await ask('/api/v1/users/me', cookie)).status))
  clock.aheadMs = 21_600_000 * 0.9 - 60_000
  t.same(await askAll(), [200, 200])
  t.equal(tenant.controls.grants.impersonation, 1)
  clock.aheadMs = 21_600_000 * 0.9 + 60_000
  t.same(await askAll(), [200, 200])
  t.equal(tenant.controls.grants.impersonation, 2)
})

t.test('a token that the tenant refuses is replaced, and the request is sent again', async t => {
  const clock = createClock()
  const { tenant, enter, ask } = await startOwnUsers(t, { clock })
  const cookie = await enter()
  tenant.controls.revokeAll(tenant.controls.setUser(carol).id)
  t.equal((await ask('/api/v1/users/me', cookie)).status, 401, 'a token of this minute is no better the next time')
  clock.aheadMs = 120_000
  t.equal((await ask('/api/v1/users/me', cookie)).status, 200)
  t.equal(tenant.controls.grants.impersonation, 2)
  tenant.controls.addFault({ path: '/api/v1/items', status: 401 })
  clock.aheadMs = 240_000
  t.equal((await ask('/api/v1/items', cookie)).status, 401)
  clock.aheadMs = 360_000
  t.equal((await ask('/api/v1/items', cookie)).status, 401)
  t.equal(tenant.controls.grants.impersonation, 3, 'a path that refuses a fresh token costs no more of them')
})

t.test('signing out of the last session of a user drops the token, and not before', async t => {
  const clock = createClock()
  const { tenant, enter, ask } = await startOwnUsers(t, { clock })
  const [one, two] = [await enter(), await enter()]
  await ask('/logout', one, { method: 'POST' })
  t.equal((await ask('/api/v1/users/me', one)).status, 401)
  t.equal((await ask('/api/v1/users/me', two)).status, 200)
  t.equal(tenant.controls.liveGrants(carol.subject), 1)
  clock.aheadMs = 120_000
  await ask('/api/v1/users/me', two)
  await ask('/logout', two, { method: 'POST' })
  await until(() => tenant.controls.liveGrants(carol.subject) === 0)
  t.equal((await ask('/api/v1/users/me', await enter())).status, 200)
  t.equal(tenant.controls.grants.impersonation, 2)
})

t.test('a session that the browser never brought back is not counted for long', async t => {
  const clock = createClock()
  const { tenant, enter, ask } = await startOwnUsers(t, { clock })
  await enter()
  const kept = await enter()
  clock.aheadMs = 61_000
  await ask('/logout', kept, { method: 'POST' })
  await until(() => tenant.controls.liveGrants(carol.subject) === 0)
})

t.test('a session that is signed out while its token is asked for gets none, and none is left', async t => {
  const clock = createClock()
  const { tenant, enter, ask } = await startOwnUsers(t, { clock })
  const cookie = await enter()
  tenant.controls.revokeAll(tenant.controls.setUser(carol).id)
  clock.aheadMs = 21_700_000
  const signedOut = createGate()
  tenant.controls.addFault({ path: '/oauth/token', until: signedOut.opened, times: 1 })
  const asked = ask('/api/v1/users/me', cookie)
  await until(() => tenant.controls.requests.filter(({ url }) => url === '/oauth/token').length === 2)
  await ask('/logout', cookie, { method: 'POST' })
  signedOut.open()
  t.equal((await asked).status, 401)
  t.notOk(tenant.controls.requests.some(({ path }) => path === '/api/v1/users/me'), 'the tenant is not asked with the late token')
  t.equal(tenant.controls.grants.impersonation, 2)
  await until(() => tenant.controls.liveGrants(carol.subject) === 0)
})

t.test('a user whom the tenant does not know is refused by a clear page and JSON, whichever status it takes', async t => {
  const clock = createClock()
  const { tenant, origin, issuer, assert } = await startOwnUsers(t, { clock })
  for (const unknownUserStatus of [400, 403, 404] as const) {
    tenant.controls.set({ unknownUserStatus })
    const answer = await assert(await issuer.state(`nobody-${unknownUserStatus}`, origin))
    t.match([answer.status, await answer.json(), cookiesOf(answer)], [403, { errors: [{ code: 'GW-USER-REFUSED' }] }, ''])
    const page = await assert(await issuer.state(`nobody-${unknownUserStatus}`, origin), { accept: 'text/html' })
    t.match([page.status, await page.text()], [403, /The tenant gives no token for this user/])
  }
  t.equal(tenant.controls.grants.impersonation, 0)
  tenant.controls.setUser({ ...dave, subject: 'nobody-404' })
  clock.aheadMs = 15_000
  t.equal((await assert(await issuer.state('nobody-404', origin))).status, 204, 'an administrator who mends it need not wait')
})

t.test('a user who is disabled later is told so; the session stays for the day that they are enabled', async t => {
  const clock = createClock()
  const { tenant, origin, issuer, assert, enter, ask } = await startOwnUsers(t, { clock })
  const cookie = await enter()
  const { id } = tenant.controls.setUser(carol)
  tenant.controls.disableUser(id)
  clock.aheadMs = 21_700_000
  const answer = await ask('/api/v1/items', cookie)
  t.match([answer.status, await answer.json()], [503, { errors: [{ code: 'GW-TOKEN-LIMIT' }] }])
  t.match(await (await assert(await issuer.state(carol.subject, origin))).json(), { errors: [{ code: 'GW-USER-REFUSED' }] })
  tenant.controls.enableUser(id)
  clock.aheadMs += 120_000
  t.equal((await ask('/api/v1/users/me', cookie)).status, 200)
})

t.test('a user whom the tenant forgets loses the session', async t => {
  const clock = createClock()
  const { tenant, enter, ask } = await startOwnUsers(t, { clock })
  const cookie = await enter()
  tenant.controls.addFault({ path: '/oauth/token', status: 404, body: { errors: [{ code: 'X', title: 'User not found' }] }, times: 1 })
  clock.aheadMs = 21_700_000
  const answer = await ask('/api/v1/users/me', cookie)
  t.match([answer.status, await answer.json()], [403, { errors: [{ code: 'GW-USER-REFUSED' }] }])
  clock.aheadMs += 60_000
  t.equal((await ask('/api/v1/users/me', cookie)).status, 401)
})

t.test('what is wrong with the client or the tenant ends no session', async t => {
  const clock = createClock()
  const { tenant, enter, ask } = await startOwnUsers(t, { clock, settings: { SESSION_IDLE_SECONDS: '604800' } })
  const cookie = await enter()
  clock.aheadMs = 21_700_000
  const cases: [change: () => void, code: string, mend: () => void][] = [
    [() => { tenant.controls.setClient({ clientSecret: 'rotated-secret-of-the-client' }) }, 'GW-CLIENT-REFUSED',
      () => { tenant.controls.setClient({ clientSecret: tenant.client.secret }) }],
    [() => { tenant.controls.setClient({ grantTypes: ['authorization_code'] }) }, 'GW-CLIENT-REFUSED',
      () => { tenant.controls.setClient({ grantTypes: ['urn:qlik:oauth:user-impersonation'] }) }],
    [() => { tenant.controls.addFault({ path: '/oauth/token', status: 503, times: 1 }) }, 'GW-TENANT-BUSY', () => {}],
    [() => { tenant.controls.addFault({ path: '/oauth/token', status: 404, body: 'no such route', times: 1 }) },
      'GW-TENANT-BUSY', () => {}],
    [() => { tenant.controls.addFault({ path: '/oauth/token', reset: true, times: 1 }) }, 'GW-TENANT-BUSY', () => {}]
  ]
  for (const [change, code, mend] of cases) {
    change()
    const answer = await ask('/api/v1/users/me', cookie)
    t.match([answer.status, answer.headers.get('retry-after'), await answer.json()], [503, /^\d+$/, { errors: [{ code }] }])
    mend()
    clock.aheadMs += 61_000
    t.equal((await ask('/api/v1/users/me', cookie)).status, 200, code)
    clock.aheadMs += 21_700_000
  }
})
