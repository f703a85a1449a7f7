import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { noteSecrets } from '../../sandbox/secrets.js'
import type { SessionSettings } from '../../src/session/session-settings.js'
import { createEndedSessions } from '../../src/session/ended.js'
import type { Held } from '../../src/session/held.js'
import { HeldSession } from '../../src/session/held-session.js'
import { startSession } from '../../src/session/record.js'
import { createSeal } from '../../src/session/seal.js'
import { createRenewedSessions } from '../../src/session/renewed.js'
import { createSignals } from '../../src/signals.js'
import { startGateway } from '../helpers/gateway.js'
import { openHeldPage, type ProofChanges } from '../helpers/held-page.js'
import { cookieOf, freshSession, sealFor } from '../helpers/session-cookie.js'
import { jar, limits, startedAt, tokens } from '../helpers/session-stage.js'

const site = 'https://www.customer.test'
const otherSite = 'https://www.other.test'
const settings = { PUBLIC_URL: 'https://qlik.vendor.test', EMBED_ORIGINS: `${site} ${otherSite}`, COOKIE_MODE: 'cross-site' }

async function start (t: Test, more: NodeJS.ProcessEnv = {}) {
  // It stands: the limits of a proof are seconds.
  const madeAt = Date.now()
  const clock = { aheadMs: 0, now: () => madeAt + clock.aheadMs }
  const { tenant, origin, signals } = await startGateway(t, { tenant: 'plain', settings: { ...settings, ...more }, clock })
  const page = await openHeldPage(site, clock.now)
  const session = freshSession(clock.now())
  const sealed = await page.hold(session, tenant)
  const call = async (headers: Record<string, string>, method = 'GET', path = '/api/v1/items') =>
    await fetch(origin + path, { method, headers: { accept: 'application/json', ...headers } })
  const ticket = async () => {
    const { ticket } = await (await call(await page.prove(sealed, 'POST'), 'POST', '/gateway/ticket')).json() as { ticket: string }
    noteSecrets({ ticket })
    return ticket
  }
  return { clock, tenant, origin, page, session, sealed, call, ticket, signals }
}

t.test('a page that holds its session calls with it and a proof for each call, and needs no CSRF token', async t => {
  const { page, sealed, call, tenant } = await start(t)
  for (const method of ['GET', 'POST', 'DELETE']) t.equal((await call(await page.prove(sealed, method), method)).status, 200, method)
  t.equal((await call(await page.prove(sealed), 'GET', '/gateway/check')).status, 204)
  t.equal(tenant.requests.length, 3)
  const wrong = await call({ ...await page.prove(sealed, 'POST'), 'qlik-csrf-token': 'x' }, 'POST')
  t.equal(wrong.status, 403, 'a token that is sent is checked')
})

t.test('a proof that is replayed, stale, from the future, of another request or key, unsigned or malformed is none: ' +
  '401, and the tenant hears nothing', async t => {
  const { clock, tenant, page, sealed, session, call } = await start(t)
  const stranger = await openHeldPage(site, clock.now)
  const neighbour = await openHeldPage(otherSite, clock.now)
  const other = await page.hold(freshSession(), tenant)
  const seconds = () => Math.floor(clock.now() / 1000)
  const unsigned = (header: object) =>
    `${[header, { htm: 'GET' }].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`
  const changed: [title: string, changes: ProofChanges][] = [
    ['stale', { claims: { iat: seconds() - 61 } }],
    ['from the future', { claims: { iat: seconds() + 7 } }],
    ['without a date', { claims: { iat: undefined } }],
    ['for another method', { claims: { htm: 'POST' } }],
    ['for another origin', { claims: { origin: otherSite } }],
    ['for another session', { claims: { ath: (await page.prove(other))['qlik-gateway-session'] } }],
    ['without a name', { claims: { jti: undefined } }],
    ['with a short name', { claims: { jti: 'x' } }],
    ['with an endless name', { claims: { jti: 'x'.repeat(65) } }],
    ['of another type', { header: { typ: 'JWT' } }],
    ['signed with another key', { by: stranger }],
    ['signed with another key that names the right one', { by: stranger, header: { jwk: page.key } }],
    ['without a key', { header: { jwk: undefined } }]
  ]
  const once = await page.prove(sealed)
  t.equal((await call(once)).status, 200)
  const asked = tenant.requests.length
  const whole = await page.prove(sealed)
  type Case = [title: string, headers: Record<string, string>]
  const cases: Case[] = [
    ['replayed', once],
    ...await Promise.all(changed.map(async ([title, changes]): Promise<Case> => [title, await page.prove(sealed, 'GET', changes)])),
    ['of the algorithm none', { ...whole, 'qlik-gateway-proof': unsigned({ alg: 'none', typ: 'qlik-gateway-proof+jwt', jwk: page.key }) }],
    ['of the algorithm HS256',
      { ...whole, 'qlik-gateway-proof': unsigned({ alg: 'HS256', typ: 'qlik-gateway-proof+jwt', jwk: page.key }) }],
    ['with a private key in it',
      { ...whole, 'qlik-gateway-proof': unsigned({ alg: 'ES256', typ: 'qlik-gateway-proof+jwt', jwk: { ...page.key, d: 'x' } }) }],
    ['malformed', { ...whole, 'qlik-gateway-proof': 'a.b.c' }],
    ['empty', { ...whole, 'qlik-gateway-proof': '' }],
    ['absent', { origin: site, 'qlik-gateway-session': sealed }],
    ['sent by another page', { ...await page.prove(sealed), origin: otherSite }],
    ['sent by a page that is not allowed', { ...await page.prove(sealed), origin: 'https://evil.example' }],
    ['sent without an origin',
      { 'qlik-gateway-session': sealed, 'qlik-gateway-proof': (await page.prove(sealed))['qlik-gateway-proof'] as string }],
    ['of a page at another site, with its own key', await neighbour.prove(sealed)],
    ['with a session that is none', await page.prove('x.y')],
    ['with a session sealed as a cookie', await page.prove((await sealFor(tenant)).seal('session', session))],
    ['with a session of another format',
      await page.prove((await sealFor(tenant)).seal('held', { session: { ...session, v: 2 }, thumbprint: '', origin: site }))]
  ]
  for (const [title, headers] of cases) {
    const answer = await call(headers)
    t.equal(answer.status, 401, title)
    t.equal(answer.headers.get('qlik-gateway-session'), null, title)
  }
  t.equal(tenant.requests.length, asked)
  clock.aheadMs = 59_000
  t.equal((await call(whole)).status, 200, 'a proof is good for a minute')
})

t.test('a held session opens as no cookie, and no cookie stands in for one that is refused', async t => {
  const { tenant, page, session, sealed, call } = await start(t)
  const cookie = await cookieOf(session, tenant, { secure: true, crossSite: true })
  t.equal((await call({ cookie })).status, 200)
  t.equal((await call({ cookie: cookie.replace(/=1\..*/, `=1.${sealed}`) })).status, 401)
  const asked = tenant.requests.length
  t.equal((await call({ ...await page.prove(sealed, 'POST'), cookie })).status, 401)
  t.equal(tenant.requests.length, asked)
})

t.test('only with COOKIE_MODE=cross-site does a page hold a session', async t => {
  const { tenant, page, sealed, call } = await start(t, { COOKIE_MODE: 'same-site' })
  t.equal((await call(await page.prove(sealed))).status, 401)
  t.same(tenant.requests, [])
})

t.test('a held session ends as any other: unused, at its absolute end, and at once when its page signs out', async t => {
  const { clock, page, sealed, call, session, tenant, signals } = await start(t, {
    SESSION_IDLE_SECONDS: '3600',
    SESSION_MAX_SECONDS: '7200'
  })
  const told: unknown[] = []
  signals.on('session', ({ event, reason }) => { told.push(reason ?? event) })
  clock.aheadMs = 3_600_000
  t.equal((await call(await page.prove(sealed))).status, 401)
  const younger = await page.hold({ ...session, usedAt: clock.now() }, tenant)
  clock.aheadMs = 7_200_000
  t.equal((await call(await page.prove(younger))).status, 401)
  clock.aheadMs = 0
  t.equal((await call(await page.prove(sealed, 'POST'), 'POST', '/logout')).status, 204)
  t.equal((await call(await page.prove(sealed))).status, 401)
  t.same(told, ['idle', 'lifetime', 'sign-out'])
})

t.test('use is told in the header of the answer, which pages may read and caches may not keep; looking is no use', async t => {
  const { clock, page, sealed, call, session, tenant } = await start(t)
  clock.aheadMs = 9_000_000
  const looked = await call(await page.prove(sealed), 'GET', '/gateway/session')
  t.equal(looked.headers.get('qlik-gateway-session'), null)
  const answer = await call(await page.prove(sealed))
  t.match(answer.headers.get('access-control-expose-headers'), /qlik-gateway-session/)
  t.equal(answer.headers.get('cache-control'), 'no-store')
  t.same(answer.headers.getSetCookie(), [])
  const renewed = answer.headers.get('qlik-gateway-session') ?? ''
  const { session: next } = (await sealFor(tenant)).open('held', renewed)?.value as Held
  t.equal(next.id, session.id)
  t.ok(next.usedAt >= session.usedAt + clock.aheadMs)
  t.equal((await call(await page.prove(renewed))).headers.get('qlik-gateway-session'), null)
})

t.test('a ticket opens one socket or one stream of events, within 30 seconds, for the page that asked', async t => {
  const { clock, tenant, origin, page, session, sealed, call, ticket } = await start(t)
  const events = async (ticket: string, from = site) => {
    const answer = await call({ origin: from }, 'GET', `/gateway/events?qlik-gateway-ticket=${ticket}`)
    await answer.body?.cancel()
    return answer.status
  }
  const used = await ticket()
  t.equal(await events(used), 200)
  const late = await ticket()
  const parts = used.split('.')
  t.equal(await events(used), 401, 'a second time')
  t.equal(await events(''), 401, 'empty')
  t.equal(await events(`${parts[0]}x.${parts[1]}`), 401, 'changed')
  t.equal(await events(sealed), 401, 'a session is no ticket')
  t.equal(await events(await ticket(), otherSite), 401, 'another page')
  for (const [method, path] of [['GET', '/single/'], ['POST', '/api/v1/items']] as const) {
    t.equal((await call({ origin: site }, method, `${path}?qlik-gateway-ticket=${await ticket()}`)).status, 401, `${method} ${path}`)
  }
  t.equal((await call(await page.prove(late))).status, 401, 'a ticket is no session')
  const ofNext = { id: 'x', held: { session: { ...session, v: 2 }, thumbprint: '', origin: site }, endsAt: Infinity }
  t.equal(await events((await sealFor(tenant)).seal('ticket', ofNext)), 401, 'of another format')
  const other = (await sealFor({ ...tenant, origin: 'https://other.tenant.test' })).seal('ticket', {})
  t.equal(await events(other), 401, 'of another tenant')
  clock.aheadMs = 30_000
  t.equal(await events(late), 401, 'late')

  await t.test('on a socket too, and it does not go to the tenant', async t => {
    const asked = tenant.requests.length
    const code = await ticket()
    const open = async (from: string) => {
      const socket = new WebSocket(`${origin.replace('http', 'ws')}/app/1?a=b&qlik-gateway-ticket=${code}`, { origin: from })
      socket.on('error', () => {})
      const [, answer] = await once(socket, 'unexpected-response') as [unknown, { statusCode: number }]
      socket.terminate()
      return answer.statusCode
    }
    t.equal(await open(otherSite), 401)
    t.equal(await open(site), 200, 'the tenant of this test knows no sockets')
    t.equal(await open(site), 401)
    t.same(tenant.requests.slice(asked), [{ method: 'GET', url: '/app/1?a=b' }])
  })

  await t.test('and no ticket of a session that has ended', async t => {
    const code = await ticket()
    t.equal((await call(await page.prove(sealed, 'POST'), 'POST', '/logout')).status, 204)
    t.match(await (await call({ origin: site }, 'GET', `/gateway/events?qlik-gateway-ticket=${code}`)).text(), 'event: signed-out')
    t.equal((await call(await page.prove(sealed, 'POST'), 'POST', '/gateway/ticket')).status, 401)
  })
})

t.test('a cookie gets no ticket', async t => {
  const { tenant, session, call } = await start(t)
  const answer = await call(
    { cookie: await cookieOf(session, tenant, { secure: true, crossSite: true }), origin: settings.PUBLIC_URL },
    'POST',
    '/gateway/ticket'
  )
  t.equal(answer.status, 401)
})

t.test('what a held session writes: the newest tokens, under the first key, nothing that is over or too large', async t => {
  const old = randomBytes(32)
  const before = createSeal([old], 'a tenant')
  const seal = createSeal([randomBytes(32), old], 'a tenant')
  const [ended, renewed] = [createEndedSessions(limits.maxMs), createRenewedSessions(limits.maxMs)]
  const stage = { now: startedAt, newest: tokens, followed: 0 }
  const settings: SessionSettings = {
    seal,
    jar,
    ended,
    limits,
    now: () => stage.now,
    newest: () => stage.newest,
    follow: async () => { stage.followed++ },
    lastUse: () => 0,
    renewed,
    signals: createSignals()
  }
  const held = { session: startSession(tokens, startedAt), thumbprint: 'a thumbprint', origin: site }
  const written = (session: HeldSession) => (seal.open('held', session.renewed() ?? '')?.value as Held | undefined)?.session
  const large = { ...tokens, accessToken: randomBytes(12_000).toString('hex') }

  const fresh = new HeldSession(settings, held)
  await fresh.askReplicas()
  t.equal(fresh.writes, false)
  t.equal(fresh.renewed(), undefined)
  t.equal(stage.followed, 0)

  const opened = seal.open('held', before.seal('held', held))
  t.equal(opened?.stale, true)
  const stale = new HeldSession(settings, held, opened?.stale)
  await stale.askReplicas()
  t.equal(stage.followed, 1)
  stage.newest = { ...tokens, accessToken: 'newer', generation: 1 }
  t.same(written(stale), { ...held.session, grant: stage.newest })
  t.same(stale.cookieLines(), [])
  t.same(stale.all(), [held.session])
  t.same([new HeldSession(settings).all(), stale.arrived], [[], false])
  stage.newest = large
  t.equal(stale.renewed(), undefined)
  t.throws(() => { stale.requireFit({ ...held.session, grant: large }) }, { code: 'GW-SESSION-TOO-LARGE' })
  t.throws(() => { stale.replace({ ...held.session, grant: large }) }, { code: 'GW-SESSION-TOO-LARGE' })
  stage.newest = { ...tokens, accessToken: 'renewed' }
  fresh.replace({ ...held.session, grant: stage.newest })
  t.equal(fresh.writes, true)
  t.match(written(fresh)?.grant, { accessToken: 'renewed' })
  renewed.renew(held.session.id, { createdAt: startedAt, generation: 1 })
  t.equal(fresh.renewed(), undefined, 'tokens of before a later sign-in')
  stale.drop()
  t.equal(stale.peek(), undefined)
  t.equal(stale.writes, false)
  ended.end(held.session.id)
  t.equal(fresh.renewed(), undefined)
  t.equal(fresh.provesOrigin, false)
})

t.test('a page that brings a public key gets its session sealed for that key, beside the cookie; a key that is none ' +
  'costs no code', async t => {
  const { tenant, origin, page } = await start(t)
  const seal = await sealFor(tenant)
  const verifier = 'a verifier'
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const code = (from: string) =>
    `${challenge}.${seal.seal('handover', { session: freshSession(), challenge, origin: from, endsAt: Date.now() + 60_000 })}`
  const exchange = async (code: string, key: unknown, from = site) =>
    await fetch(`${origin}/gateway/handover`, {
      method: 'POST',
      headers: { origin: from, 'content-type': 'application/json' },
      body: JSON.stringify({ code, verifier, key })
    })
  const once = code(site)
  for (const wrong of [
    '', null, {}, { ...page.key, kty: 'RSA' }, { ...page.key, crv: 'P-384' }, { ...page.key, x: 'short' },
    { ...page.key, y: 1 }
  ]) {
    t.equal((await exchange(once, wrong)).status, 400)
  }
  const answer = await exchange(once, page.key)
  t.equal(answer.status, 200)
  t.equal(answer.headers.get('cache-control'), 'no-store')
  t.equal(answer.headers.getSetCookie().length, 1)
  const { session, now } = await answer.json() as { session: string, now: number }
  t.ok(Math.abs(now - Date.now()) < 60_000)
  const check = async (headers: Record<string, string>) => (await fetch(`${origin}/gateway/check`, { headers })).status
  t.equal(await check(await page.prove(session)), 204)
  t.equal(await check(await (await openHeldPage(site)).prove(session)), 401)
  t.equal((await exchange(code(site), undefined)).status, 204, 'without a key')
  t.equal((await exchange(code(settings.PUBLIC_URL), page.key, settings.PUBLIC_URL)).status, 204, 'a page of our own')
})

t.test('a redirect within the API brings a ticket, which the browser follows with; one that leads elsewhere brings none', async t => {
  const { app, tenant, origin } = await startGateway(t, {
    tenant: (request, response) => {
      const to = new URL(request.url as string, 'http://tenant').searchParams.get('to')
      if (to === null) response.end('there')
      else response.writeHead(302, { location: to }).end()
    },
    settings
  })
  const page = await openHeldPage(site)
  const sealed = await page.hold(freshSession(), tenant)
  const locationOf = async (to: string) => {
    const answer = await fetch(`${origin}/api/v1/a?to=${encodeURIComponent(to)}`, { redirect: 'manual', headers: await page.prove(sealed) })
    return answer.headers.get('location') ?? ''
  }
  t.match(await locationOf('/api/v1/b'), /\/api\/v1\/b\?qlik-gateway-ticket=[\w.-]+$/)
  t.match(await locationOf('/api/v1/b#part'), /\/api\/v1\/b\?qlik-gateway-ticket=[\w.-]+#part$/)
  t.equal(await locationOf('https://elsewhere.example/'), 'https://elsewhere.example/')
  const to = new URL(await locationOf('/api/v1/b?x=y'), origin)
  const follow = async () => (await fetch(origin + to.pathname + to.search, { headers: { origin: site } })).status
  t.equal(await follow(), 200)
  t.equal(tenant.requests.at(-1)?.url, '/api/v1/b?x=y')
  t.equal(await follow(), 401)
  const over = await page.hold({ ...freshSession(), createdAt: 0, usedAt: 0 }, tenant)
  const visit = await app.inject({ url: '/api/v1/a', headers: { 'sec-fetch-mode': 'navigate', ...await page.prove(over) } })
  t.match(visit.headers.location, /\/login\?returnto=[^&]+$/, 'nor does one of a session that is over')
})
