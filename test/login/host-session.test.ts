import { request as httpRequest, type IncomingMessage } from 'node:http'
import { EventEmitter, once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { WebSocket } from 'ws'
import type { HostUser } from '../../src/credentials/impersonation/host-user.js'
import { createClock, startGateway } from '../helpers/gateway.js'
import { carol, clientOf, cookiesOf, dave, settingsOf, startOwnUsers } from '../helpers/own-users.js'
import { createIssuer } from '../helpers/statements.js'

const header = 'x-identity'
const ingress = { IDENTITY_JWT_HEADER: header, TRUSTED_PROXIES: '127.0.0.0/8,::1' }

/** An application whose session is a header. */
function identify ({ headers }: FastifyRequest): HostUser | undefined {
  const { 'x-user': subject, 'x-groups': groups } = headers
  return subject === undefined
    ? undefined
    : { subject: String(subject), name: 'Somebody', ...(groups === undefined ? {} : { groups: String(groups).split(',') }) }
}

const application = { options: { credentials: 'impersonation', identify } } as const

t.test('the session of the application is enough: the first request begins one here', async t => {
  const { tenant, ask } = await startOwnUsers(t, application)
  t.equal((await ask('/api/v1/items')).status, 401, 'nobody is signed in there')
  const answer = await ask('/gateway/session', undefined, { headers: { 'x-user': carol.subject } })
  t.match(await answer.json(), { authenticated: true, user: { subject: carol.subject } })
  const cookie = cookiesOf(answer)
  t.ok(cookie)
  const next = await ask('/api/v1/users/me', cookie, { headers: { 'x-user': carol.subject } })
  t.match([await next.json(), next.headers.getSetCookie()], [{ subject: carol.subject }, []])
  t.equal(tenant.controls.grants.impersonation, 1)
})

t.test('whoever leaves the application has left here', async t => {
  const { ask } = await startOwnUsers(t, application)
  const cookie = cookiesOf(await ask('/gateway/session', undefined, { headers: { 'x-user': carol.subject } }))
  const answer = await ask('/api/v1/items', cookie)
  t.equal(answer.status, 401)
  t.equal((await ask('/api/v1/items', cookie, { headers: { 'x-user': carol.subject } })).status, 200, 'and comes back by another session')
})

t.test('a request that names another user than its session ends that before anything is forwarded', async t => {
  const { tenant, origin, issuer, ask } = await startOwnUsers(t, { settings: ingress })
  tenant.controls.setUser(dave)
  const as = async (subject: string) => ({ [header]: await issuer.state(subject, origin) })
  const cookie = cookiesOf(await ask('/gateway/session', undefined, { headers: await as(carol.subject) }))
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/app/${tenant.engine.apps[0]?.id}`, {
    headers: { cookie, origin, ...await as(carol.subject) }
  })
  await once(socket, 'message')
  const closed = once(socket, 'close') as Promise<[number]>
  tenant.controls.log.clear()
  const answer = await ask('/api/v1/items', cookie, { method: 'POST', body: '{}', headers: await as(dave.subject) })
  t.match([answer.status, await answer.json()], [401, { errors: [{ code: 'GW-NO-SESSION' }] }])
  t.same((await closed)[0], 4006)
  t.equal(tenant.controls.requests.length, 0)
  t.ok(
    cookiesOf(await ask('/gateway/check', cookie, { headers: await as(carol.subject) })),
    'the old session is no more: for Carol another one begins'
  )
  const next = await ask('/gateway/session', undefined, { headers: await as(dave.subject) })
  t.match(await next.json(), { user: { subject: dave.subject } })
})

t.test('a request that only reads goes on as the other user, in a session of theirs', async t => {
  const { tenant, ask } = await startOwnUsers(t, application)
  tenant.controls.setUser(dave)
  const cookie = cookiesOf(await ask('/gateway/session', undefined, { headers: { 'x-user': carol.subject } }))
  const answer = await ask('/api/v1/users/me', cookie, { headers: { 'x-user': dave.subject } })
  t.match(await answer.json(), { subject: dave.subject })
  t.equal((await ask('/gateway/check', cookie)).status, 401)
})

t.test('an upgrade that names another user is refused', async t => {
  const { tenant, origin, issuer, ask } = await startOwnUsers(t, { settings: ingress })
  tenant.controls.setUser(dave)
  const cookie = cookiesOf(await ask('/gateway/session', undefined, { headers: { [header]: await issuer.state(carol.subject, origin) } }))
  tenant.controls.log.clear()
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/app/x`, {
    headers: { cookie, origin, [header]: await issuer.state(dave.subject, origin) }
  })
  const [error] = await once(socket, 'error') as [Error]
  t.match(error.message, '401')
  t.equal(tenant.controls.requests.length, 0)
})

t.test('a statement of the ingress may come as often as it is good, and begins one session', async t => {
  const { tenant, origin, issuer, ask } = await startOwnUsers(t, { settings: ingress })
  const headers = { [header]: await issuer.state(carol.subject, origin) }
  const answers = await Promise.all([1, 2, 3, 4].map(async () => await ask('/gateway/session', undefined, { headers })))
  const tokens = await Promise.all(answers.map(async answer => (await answer.json() as { csrfToken: string }).csrfToken))
  t.equal(new Set(tokens).size, 1, 'requests at the same time have the same')
  t.equal(tenant.controls.grants.impersonation, 1)
  await ask('/logout', cookiesOf(answers[0] as Response), { method: 'POST', headers })
  t.equal((await ask('/gateway/check', undefined, { headers })).status, 401, 'after its end it begins no other')
  t.equal((await ask('/gateway/check', undefined, { headers: { [header]: await issuer.state(carol.subject, origin) } })).status, 204)
})

t.test('a statement whose session ends while its user is judged begins no other', async t => {
  const clock = createClock()
  const issuer = createIssuer(clock)
  const gate = new EventEmitter()
  let isHeld = false
  let grants = 0
  const { origin } = await startGateway(t, {
    clock,
    settings: { ...settingsOf(t, issuer), ...ingress, ALLOWED_USERS: carol.subject },
    tenant: ({ url }, response) => {
      response.setHeader('content-type', 'application/json')
      if (url !== '/api/v1/users/me') {
        response.end(JSON.stringify({ access_token: `token-${++grants}`, expires_in: 120 }))
        return
      }
      const profile = JSON.stringify({ id: 'u1', subject: carol.subject })
      if (!isHeld) response.end(profile)
      else gate.once('open', () => response.end(profile)).emit('asked')
    }
  })
  const { ask } = clientOf(origin, issuer)
  const headers = { [header]: await issuer.state(carol.subject, origin) }
  const cookie = cookiesOf(await ask('/gateway/session', undefined, { headers }))
  // A new token has the user judged anew.
  clock.aheadMs = 119_000
  isHeld = true
  const asked = once(gate, 'asked')
  const late = ask('/gateway/check', undefined, { headers })
  await asked
  t.equal((await ask('/logout', cookie, { method: 'POST', headers })).status, 204)
  gate.emit('open')
  t.equal((await late).status, 401)
})

/** The same statement with the other of the two signatures (r, s) and (r, -s) that ECDSA takes. */
function respell (jwt: string): string {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const [header, payload, signature = ''] = jwt.split('.')
  const [r, s] = [Buffer.from(signature, 'base64url').subarray(0, 32), Buffer.from(signature, 'base64url').subarray(32)]
  const other = (order - BigInt(`0x${s.toString('hex')}`)).toString(16).padStart(64, '0')
  return [header, payload, Buffer.concat([r, Buffer.from(other, 'hex')]).toString('base64url')].join('.')
}

t.test('a statement of the ingress whose signature is spelt otherwise begins no second session', async t => {
  const { origin, issuer, ask } = await startOwnUsers(t, { settings: ingress })
  const jwt = await issuer.state(carol.subject, origin)
  const csrfTokenOf = async (statement: string) => {
    const answer = await ask('/gateway/session', undefined, { headers: { [header]: statement } })
    return [cookiesOf(answer), (await answer.json() as { csrfToken: string }).csrfToken] as const
  }
  const [cookie, csrfToken] = await csrfTokenOf(jwt)
  t.equal((await csrfTokenOf(respell(jwt)))[1], csrfToken)
  await ask('/logout', cookie, { method: 'POST', headers: { [header]: jwt } })
  for (const statement of [jwt, respell(jwt)]) {
    t.equal((await ask('/gateway/check', undefined, { headers: { [header]: statement } })).status, 401)
  }
})

t.test('a peer that is not listed names nobody', async t => {
  const { tenant, origin, issuer, ask } = await startOwnUsers(t, { settings: { ...ingress, TRUSTED_PROXIES: '10.0.0.0/8' } })
  const answer = await ask('/gateway/session', undefined, { headers: { [header]: await issuer.state(carol.subject, origin) } })
  t.match([answer.status, await answer.json()], [401, { errors: [{ code: 'GW-STATEMENT' }] }])
  const headers = { 'x-forwarded-for': '10.1.1.1', [header]: await issuer.state(carol.subject, origin) }
  t.equal((await ask('/gateway/session', undefined, { headers })).status, 401, 'whatever it says of itself')
  t.match(await (await ask('/gateway/session')).json(), { authenticated: false })
  t.equal(tenant.controls.requests.length, 0)
})

t.test('two headers are none', async t => {
  const { origin, issuer } = await startOwnUsers(t, { settings: ingress })
  const request = httpRequest(`${origin}/gateway/session`, {
    headers: { [header]: [await issuer.state(carol.subject, origin), await issuer.state(dave.subject, origin)] }
  }).end()
  const [answer] = await once(request, 'response') as [IncomingMessage]
  t.match([answer.statusCode, JSON.parse(await text(answer))], [401, { errors: [{ code: 'GW-STATEMENT' }] }])
})

t.test('a request of speculation begins no session', async t => {
  const { tenant, ask } = await startOwnUsers(t, application)
  t.equal((await ask('/api/v1/items', undefined, { headers: { 'x-user': carol.subject, 'sec-purpose': 'prefetch' } })).status, 401)
  t.equal(tenant.controls.requests.length, 0)
})

t.test('an application that names its users oddly is at fault itself', async t => {
  for (const said of [{}, { subject: '' }, 'carol', { subject: carol.subject, groups: 'EMEA' }]) {
    const { ask } = await startOwnUsers(t, { options: { credentials: 'impersonation', identify: () => said as never } })
    t.match(await (await ask('/gateway/check', undefined, {})).json(), { errors: [{ code: 'GW-INTERNAL' }] })
  }
})

t.test('the login leads back with a user, else to where users sign in', async t => {
  const { origin, ask } = await startOwnUsers(t, {
    ...application,
    options: { ...application.options, signInUrl: new URL('https://portal.example/sign-in?lang=en') }
  })
  const stay = { redirect: 'manual' } as const
  const away = await ask('/login?returnto=/report', undefined, stay)
  t.match(
    [away.status, away.headers.get('location')],
    [302, `https://portal.example/sign-in?lang=en&returnto=${encodeURIComponent(`${origin}/report`)}`]
  )
  const foreign = await ask('/login?returnto=https://evil.example/', undefined, stay)
  t.equal(new URL(String(foreign.headers.get('location'))).searchParams.get('returnto'), `${origin}/`)
  const back = await ask('/login?returnto=/report', undefined, { ...stay, headers: { 'x-user': carol.subject } })
  t.match([back.status, back.headers.get('location'), cookiesOf(back)], [303, `${origin}/report`, /qlik-session=/])
  const nowhere = await startOwnUsers(t, application)
  t.match(await (await nowhere.ask('/login', undefined, stay)).json(), { errors: [{ code: 'GW-SIGN-IN-ELSEWHERE' }] })
})

t.test('groups that change go on with the session', async t => {
  const { ask } = await startOwnUsers(t, application)
  const tell = async (groups: string, cookie?: string) => {
    const answer = await ask('/gateway/session', cookie, { headers: { 'x-user': carol.subject, 'x-groups': groups } })
    return [cookiesOf(answer), (await answer.json() as { csrfToken: string }).csrfToken] as const
  }
  const [cookie, csrfToken] = await tell('EMEA')
  t.same(await tell('EMEA', cookie), ['', csrfToken])
  const [changed, same] = await tell('EMEA,Readers', cookie)
  t.equal(same, csrfToken)
  t.same(await tell('EMEA,Readers', changed), ['', csrfToken], 'what was said last is in the cookie')
})

t.test('users and groups may be kept out', async t => {
  const { tenant, ask } = await startOwnUsers(t, { ...application, settings: { ALLOWED_USERS: carol.subject } })
  tenant.controls.setUser(dave)
  t.equal((await ask('/gateway/check', undefined, { headers: { 'x-user': carol.subject } })).status, 204)
  const answer = await ask('/gateway/check', undefined, { headers: { 'x-user': dave.subject } })
  t.match([answer.status, await answer.json(), cookiesOf(answer)], [403, { errors: [{ code: 'GW-POLICY-USER' }] }, ''])
})

t.test('a page that brings a statement of the user who is signed in goes on with its session', async t => {
  const { tenant, origin, issuer, assert, enter, ask } = await startOwnUsers(t)
  tenant.controls.setUser(dave)
  const cookie = await enter()
  const csrfToken = async (cookie: string) => (await (await ask('/gateway/session', cookie)).json() as { csrfToken: string }).csrfToken
  const again = await assert(await issuer.state(carol.subject, origin, { groups: ['EMEA'] }), { cookie })
  t.equal(await csrfToken(cookiesOf(again)), await csrfToken(cookie))
  const another = await assert(await issuer.state(dave.subject, origin), { cookie })
  t.equal(another.status, 204)
  t.match(await (await ask('/gateway/session', cookiesOf(another))).json(), { user: { subject: dave.subject } })
  t.match(await (await ask('/gateway/session', cookie)).json(), { authenticated: false }, 'that of somebody else is over')
})
