import { randomBytes } from 'node:crypto'
import t from 'tap'
import { issueCsrfToken, isCsrfToken } from '../../src/session/csrf.js'
import { deriveKey } from '../../src/session/seal.js'
import { scopeOf } from '../../src/tenants/create-tenant.js'
import { startGateway } from '../helpers/gateway.js'
import { startPlainTenant } from '../helpers/plain-tenant.js'
import { cookieOf, freshSession, sessionKey } from '../helpers/session-cookie.js'

const portal = 'https://portal.example.com'
const csrfKey = (key: string, tenant: { origin: string, client: { id: string } }) =>
  deriveKey(Buffer.from(key, 'base64'), 'csrf', scopeOf({ tenantUrl: new URL(tenant.origin), clientId: tenant.client.id }))
const changing = ['POST', 'PUT', 'PATCH', 'DELETE'] as const

t.test('what changes something is forwarded only when a page of ours has sent it', async t => {
  const tenant = await startPlainTenant(t)
  const oldKey = randomBytes(32).toString('base64')
  const { app, origin: ours } = await startGateway(t, {
    tenant,
    settings: { EMBED_ORIGINS: portal, SESSION_KEYS: `${sessionKey},${oldKey}` }
  })
  const session = freshSession()
  const cookie = await cookieOf(session, tenant)
  const token = issueCsrfToken(session.id, [csrfKey(sessionKey, tenant)])
  const oldToken = issueCsrfToken(session.id, [csrfKey(oldKey, tenant)])
  const foreignToken = issueCsrfToken(freshSession().id, [csrfKey(sessionKey, tenant)])
  const passed = 200
  const foreign = 'GW-FOREIGN-ORIGIN'
  const wrong = 'GW-CSRF-TOKEN'
  const cases: [title: string, headers: Record<string, string>, outcome: number | string][] = [
    ['from our origin', { cookie, origin: ours }, passed],
    ['from our origin, with the token', { cookie, origin: ours, 'qlik-csrf-token': token }, passed],
    ['from our origin, with a token of an older key', { cookie, origin: ours, 'qlik-csrf-token': oldToken }, passed],
    ['from our origin, with an empty token', { cookie, origin: ours, 'qlik-csrf-token': '' }, passed],
    ['from our origin, with a wrong token', { cookie, origin: ours, 'qlik-csrf-token': 'x' }, wrong],
    ['from our origin, with the token of another session', { cookie, origin: ours, 'qlik-csrf-token': foreignToken }, wrong],
    ['from our origin, with two tokens', { cookie, origin: ours, 'qlik-csrf-token': `${token}, ${token}` }, wrong],
    ['from our origin, which a cross-site fetch cannot claim', { cookie, origin: ours, 'sec-fetch-site': 'cross-site' }, passed],
    ['without an Origin, but same-origin', { cookie, 'sec-fetch-site': 'same-origin' }, passed],
    ['without an Origin, same-origin with a wrong token', { cookie, 'sec-fetch-site': 'same-origin', 'qlik-csrf-token': 'x' }, wrong],
    ['without an Origin, with the token', { cookie, 'qlik-csrf-token': token }, passed],
    ['without an Origin, with the token of another session', { cookie, 'qlik-csrf-token': foreignToken }, wrong],
    ['without anything', { cookie }, foreign],
    ['without an Origin, same-site', { cookie, 'sec-fetch-site': 'same-site' }, foreign],
    ['without an Origin, cross-site', { cookie, 'sec-fetch-site': 'cross-site' }, foreign],
    ['without an Origin, none', { cookie, 'sec-fetch-site': 'none' }, foreign],
    ['from an embed origin, with the token', { cookie, origin: portal, 'qlik-csrf-token': token }, passed],
    ['from an embed origin, without a token', { cookie, origin: portal }, wrong],
    ['from an embed origin, with a wrong token', { cookie, origin: portal, 'qlik-csrf-token': 'x' }, wrong],
    ['from null, which is same-origin', { cookie, origin: 'null', 'sec-fetch-site': 'same-origin' }, passed],
    ['from null, with the token', { cookie, origin: 'null', 'qlik-csrf-token': token }, foreign],
    ['from null, cross-site', { cookie, origin: 'null', 'sec-fetch-site': 'cross-site' }, foreign],
    ['from null', { cookie, origin: 'null' }, foreign],
    ...[
      'https://evil.example', '', `${ours}.evil.example`, ours.replace('localhost', 'localhost.'),
      ours.replace('http:', 'https:'), `${ours}0`, `${ours}/`, ours.toUpperCase(), `${ours}, https://evil.example`,
      `${portal}.evil.example`
    ]
      .flatMap(origin => [{}, { 'qlik-csrf-token': token }, { 'sec-fetch-site': 'same-origin' }].map(more =>
        [
          `from ${origin} with ${Object.keys(more).join() || 'nothing else'}`, { cookie, origin, ...more }, foreign
        ] as [string, Record<string, string>, string])),
    ['without a session', { origin: ours }, 'GW-NO-SESSION'],
    ['without a session, from nowhere', {}, 'GW-NO-SESSION'],
    ['without a session, from a foreign page', { origin: 'https://evil.example' }, foreign]
  ]
  const refusal = (code: string | number) =>
    code === passed ? [200] : [code === 'GW-NO-SESSION' ? 401 : 403, code, code === wrong ? 'CSRF-TOKEN-2' : undefined]
  for (const [title, headers, outcome] of cases) {
    tenant.requests.length = 0
    const outcomes: unknown[] = []
    for (const method of changing) {
      const answer = await app.inject({ url: '/api/v1/items', method, headers, payload: 'x' })
      const { errors, code } = answer.statusCode === 200 ? {} : answer.json<{ errors?: [{ code: string }], code?: string }>()
      outcomes.push([method, answer.statusCode, ...errors === undefined ? [] : [errors[0].code, code]])
    }
    t.same(
      [outcomes, tenant.requests.length],
      [changing.map(method => [method, ...refusal(outcome)]), outcome === passed ? changing.length : 0],
      `${title}: the answers, and how many the tenant heard of`
    )
  }
})

t.test('what only reads needs no proof', async t => {
  const tenant = await startPlainTenant(t)
  const { app } = await startGateway(t, { tenant })
  const cookie = await cookieOf(freshSession(), tenant)
  for (const method of ['GET', 'HEAD', 'OPTIONS'] as const) {
    t.equal(
      (await app.inject({ url: '/api/v1/items', method, headers: { cookie, origin: 'https://evil.example' } })).statusCode,
      200,
      method
    )
  }
})

t.test('a CSRF token belongs to one session and one key, and every key of the list opens it', async t => {
  const [first, second, third] = [randomBytes(32), randomBytes(32), randomBytes(32)]
  const token = issueCsrfToken('session', [first, second])
  t.match(token, /^[\w-]{43}$/)
  t.ok(isCsrfToken(token, 'session', [first]))
  t.ok(isCsrfToken(token, 'session', [third, first]))
  t.notOk(isCsrfToken(token, 'session', [second, third]))
  t.notOk(isCsrfToken(token, 'sessiom', [first]))
  for (const given of [
    '', 'x', token.slice(1), token.slice(0, -1), `${token}AAAA`,
    `${token.slice(0, -1)}${token.endsWith('A') ? 'E' : 'A'}`, '💥'
  ]) {
    t.notOk(isCsrfToken(given, 'session', [first]), given)
  }
})
