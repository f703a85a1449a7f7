import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import t, { type Test } from 'tap'
import { alice, bob } from '../../sandbox/identities.js'
import type { Denial } from '../../src/signals.js'
import { createBrowser, login } from '../helpers/browser-jar.js'
import { createClock, startGateway } from '../helpers/gateway.js'
import { isAllowedUser } from '../../src/policy/users.js'

t.test('a user is named by id, subject or e-mail address, or by a group', async t => {
  const profile = { id: '1', subject: 'auth0|x', email: 'Ann@Example.com', assignedGroups: [{ name: 'Sales Team' }, null, {}] }
  for (const allowed of [
    { users: ['1'] },
    { users: ['auth0|x'] },
    { users: ['ann@example.COM'] },
    { groups: ['Sales Team'] },
    { users: ['2'], groups: ['Sales Team'] }
  ]) {
    t.equal(isAllowedUser(profile, allowed), true)
  }
  for (const allowed of [{ users: ['2', 'AUTH0|X'] }, { groups: ['sales team'] }, {}]) t.equal(isAllowedUser(profile, allowed), false)
  t.equal(isAllowedUser({ id: '1', assignedGroups: 'Sales Team' }, { users: ['undefined'], groups: ['Sales Team'] }), false)
})

t.test('who is not listed sees a page that says so, gets no session, and the tokens are revoked', async t => {
  const gateway = await startGateway(t, { settings: { ALLOWED_GROUPS: 'Some others, EMEA', ALLOWED_USERS: 'nobody@example.com' } })
  await gateway.signIn(alice)
  const revoked = once(gateway.signals, 'revoked')
  const browser = createBrowser()
  const answer = await login(browser, `${gateway.origin}/login?returnto=/healthz`, bob)
  t.equal(answer.status, 403)
  t.match(await answer.text(), /You may not sign in here.*GW-POLICY-USER/s)
  t.notMatch(browser.cookies.header(new URL(gateway.origin)), 'qlik-session')
  t.same(await revoked, ['revoked'])
})

/** A gateway for some groups before a tenant whose user has those of `groups`, or is not described; and a session that began elsewhere. */
async function startGroups (t: Test, groups: { now: string[] | undefined }) {
  let grants = 0
  let profiles = 0
  const tenant: RequestListener = (request, response) => {
    response.setHeader('content-type', 'application/json')
    if (request.url === '/oauth/token') {
      grants++
      const tokens = { access_token: `token-${grants}`, refresh_token: `refresh-${grants}`, token_type: 'bearer', expires_in: 3_600 }
      response.end(JSON.stringify(tokens))
    } else if (request.url !== '/api/v1/users/me') {
      response.end('{}')
    } else if (groups.now === undefined) {
      response.writeHead(500).end()
    } else {
      response.end(JSON.stringify({ id: String(++profiles), assignedGroups: groups.now.map(name => ({ name })) }))
    }
  }
  const clock = createClock()
  const gateway = await startGateway(t, { tenant, settings: { ALLOWED_GROUPS: 'EMEA' }, clock })
  const denials: Denial[] = []
  gateway.signals.on('denied', denial => { denials.push(denial) })
  let { cookie } = gateway
  const ask = async () => {
    const answer = await fetch(`${gateway.origin}/api/v1/items`, { headers: { cookie } })
    const set = answer.headers.getSetCookie().map(line => line.split(';', 1)[0] as string)
    if (set.length > 0) cookie = set.join('; ')
    return { status: answer.status, body: await answer.text() }
  }
  /** Waits until the tenant has been asked for the profile and answered so. */
  const profileAnswered = async (status: number) => {
    await new Promise<void>(resolve => {
      gateway.signals.on('tenantAnswered', ({ call }, answered) => { if (call === 'document' && answered === status) resolve() })
    })
  }
  return {
    ask,
    cookie: gateway.cookie,
    clock,
    denials,
    profileAnswered,
    signals: gateway.signals,
    profilesRead: () => profiles,
    origin: gateway.origin
  }
}

t.test('a session of before is judged when it first comes to a process, once', async t => {
  const { ask, profilesRead } = await startGroups(t, { now: ['EMEA'] })
  t.same([(await ask()).status, (await ask()).status], [200, 200])
  t.equal(profilesRead(), 1)
})

t.test('a session of a user who is no longer listed ends at its first request', async t => {
  const { ask, cookie, origin, denials } = await startGroups(t, { now: ['Americas'] })
  t.match(await ask(), { status: 403, body: /GW-POLICY-USER/ })
  t.match(denials, [{ rule: 'ALLOWED_USERS' }])
  t.equal((await ask()).status, 401)
  t.equal((await fetch(`${origin}/api/v1/items`, { headers: { cookie } })).status, 401, 'nor is its cookie of before good for anything')
})

t.test('while the tenant does not say who somebody is, nobody new is let in', async t => {
  const groups: { now: string[] | undefined } = { now: undefined }
  const { ask } = await startGroups(t, groups)
  t.match(await ask(), { status: 503, body: /GW-POLICY-PROFILE/ })
  groups.now = ['EMEA']
  t.equal((await ask()).status, 200)
})

t.test('a request without a session is told so, whatever the lists', async t => {
  const { origin } = await startGroups(t, { now: ['EMEA'] })
  t.equal((await fetch(`${origin}/api/v1/items`)).status, 401)
})

t.test('a change of groups is noticed after the token was renewed, and nobody waits for that', async t => {
  const groups: { now: string[] | undefined } = { now: ['EMEA'] }
  const { ask, clock, profileAnswered, signals } = await startGroups(t, groups)
  t.equal((await ask()).status, 200)
  groups.now = undefined
  clock.aheadMs = 3_600_000
  t.equal((await ask()).status, 200, 'this one renews')
  const inVain = profileAnswered(500)
  t.equal((await ask()).status, 200, 'this one has the user judged, in vain')
  await inVain
  groups.now = ['Americas']
  const denied = once(signals, 'denied')
  t.equal((await ask()).status, 200, 'and this one again')
  await denied
  t.equal((await ask()).status, 401)
})
