import fastify, { LogController } from 'fastify'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { SALES_APP_ID } from '../../sandbox/data/apps.js'
import { alice, bob } from '../../sandbox/identities.js'
import { impersonationGrant } from '../../sandbox/oauth/clients.js'
import { startTenant, type Tenant, type TenantOptions } from '../../sandbox/tenant.js'
import { gateway, type GatewayOptions } from '../../src/gateway.js'
import { writeAudit } from '../../src/operate/audit.js'
import { createSignals } from '../../src/signals.js'
import { createBrowser, login, type Browser } from '../helpers/browser-jar.js'
import { asScript, createClock } from '../helpers/gateway.js'
import { createLog, until } from '../helpers/log.js'
import { carol, dave } from '../helpers/own-users.js'
import { reservePort } from '../helpers/ports.js'
import { noteOutput } from '../helpers/run-record.js'
import { sessionKey } from '../helpers/session-cookie.js'
import { createIssuer } from '../helpers/statements.js'

/** A gateway before the sandbox, and the lines of its audit. */
async function start (
  t: Test,
  options: Partial<GatewayOptions> | ((tenant: Tenant) => Partial<GatewayOptions>) = {},
  sandbox: TenantOptions = {}
) {
  const port = await reservePort()
  const origin = `http://localhost:${port}`
  const clock = createClock()
  const tenant = await startTenant({ accessTokenSeconds: 600, redirectUris: [`${origin}/login/callback`], ...sandbox })
  t.teardown(async () => { await tenant.close() })
  const lines: Record<string, unknown>[] = []
  const app = fastify({
    logger: {
      level: 'debug',
      stream: {
        write (line: string) {
          noteOutput(line)
          lines.push(JSON.parse(line) as Record<string, unknown>)
        }
      }
    },
    logController: new LogController({ disableRequestLogging: true })
  })
  t.teardown(async () => { await app.close() })
  const { id: clientId, secret: clientSecret } = tenant.client
  await app.register(gateway, {
    tenantUrl: tenant.origin,
    clientId,
    clientSecret,
    publicUrl: origin,
    sessionKeys: sessionKey,
    publicFolder: `${process.cwd()}/public`,
    ...{ now: clock.now },
    ...(typeof options === 'function' ? options(tenant) : options)
  })
  await app.listen({ port, host: '127.0.0.1' })
  const audit = () => lines.filter(({ msg }) => msg === 'audit')
  const signIn = async (user = alice, browser = createBrowser()) => {
    const answer = await login(browser, `${origin}/login?returnto=/healthz&prompt=login`, user)
    await answer.body?.cancel()
    return browser
  }
  return { origin, tenant, lines, audit, signIn, clock }
}

/** One whose users somebody else names: by statements unless `identify` does. */
async function startOwnUsers (
  t: Test,
  { provisions = false, identify }: { provisions?: boolean, identify?: NonNullable<GatewayOptions['identify']> }
) {
  const issuer = createIssuer()
  const stage = await start(t, ({ administrators: { client } }) => ({
    logUsers: true,
    credentials: 'impersonation',
    ...(identify === undefined ? { identityJwtIssuer: issuer.issuer, identityKeys: issuer.keys } : { identify }),
    ...(provisions ? { provisionUsers: true, adminClientId: client.id, adminClientSecret: client.secret } : {})
  }), { grantTypes: [impersonationGrant] })
  const assert = async (subject: string, claims: object) => {
    const assertion = await issuer.state(subject, stage.origin, { ...claims })
    const { status } = await fetch(`${stage.origin}/gateway/assertion`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: stage.origin },
      body: JSON.stringify({ assertion })
    })
    if (status !== 204) throw new Error(`The statement was answered with ${status}.`)
  }
  return { ...stage, assert }
}

t.test('a session is told from its sign-in to its end, by the reference of all its lines', async t => {
  const { origin, audit, lines, signIn } = await start(t)
  const browser = await signIn()
  await browser.fetch(`${origin}/api/v1/users/me`, asScript())
  await browser.fetch(`${origin}/logout`, asScript({ method: 'POST', headers: { origin } }))
  await until(() => audit().length === 2)
  const session = audit()[0]?.session
  t.match(session, /^[\w-]{12}$/)
  t.match(audit(), [
    { level: 30, audit: 1, event: 'sign-in', session, client: '127.0.0.1', reqId: String },
    { level: 30, audit: 1, event: 'sign-out', session, client: '127.0.0.1' }
  ])
  t.ok(lines.some(line => line.msg === 'request' && line.route === '/api' && line.session === session))
  t.notOk(lines.some(line => 'subject' in line), 'nobody is named unless that is asked for')
})

t.test('with LOG_USERS the lines of requests, sockets and the audit name the user', async t => {
  const { origin, audit, lines, signIn } = await start(t, { logUsers: true, readOnly: true })
  const browser = await signIn()
  await browser.fetch(`${origin}/api/v1/users/me`, asScript())
  await browser.fetch(`${origin}/api/v1/spaces`, asScript({ method: 'POST', headers: { origin } }))
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/app/${SALES_APP_ID}`, {
    headers: { cookie: browser.cookies.header(new URL(origin)), origin }
  })
  await once(socket, 'message')
  socket.close()
  await until(() => lines.some(({ msg }) => msg === 'socket'))
  await until(() => audit().length === 2)
  const subject = audit()[0]?.subject
  t.type(subject, 'string')
  t.match(audit()[1], { level: 40, event: 'policy-denied', reason: 'READ_ONLY', method: 'POST', path: '/api/v1/spaces', subject })
  for (const msg of ['request', 'socket']) t.ok(lines.some(line => line.msg === msg && line.subject === subject), msg)
})

t.test('a sign-in and a request that are refused are told with the code, and what tries nothing is not', async t => {
  const { origin, audit, signIn } = await start(t)
  const browser = await signIn()
  const stranger = createBrowser()
  await stranger.fetch(`${origin}/login/callback?code=x&state=y`, asScript())
  await stranger.fetch(`${origin}/login`, asScript({ headers: { 'sec-purpose': 'prefetch' } }))
  await browser.fetch(`${origin}/api/v1/spaces`, asScript({ method: 'POST', headers: { origin: 'https://evil.example' } }))
  await browser.fetch(`${origin}/api/v1/spaces`, asScript({ method: 'POST', headers: { origin, 'qlik-csrf-token': 'wrong' } }))
  await until(() => audit().length === 4)
  t.match(audit().slice(1), [
    { level: 40, event: 'sign-in-refused', reason: /^GW-LOGIN-/, route: '/login/callback', method: 'GET', client: '127.0.0.1' },
    { level: 40, event: 'request-refused', reason: 'GW-FOREIGN-ORIGIN', route: '/api', method: 'POST' },
    { level: 40, event: 'request-refused', reason: 'GW-CSRF-TOKEN', route: '/api' }
  ])
})

t.test('a user who is set up at the tenant is told, and one who is there already is not', async t => {
  const { tenant, audit, assert } = await startOwnUsers(t, { provisions: true })
  const groups = ['Readers']
  tenant.controls.setUser({ ...dave, groups })
  await assert(carol.subject, { groups })
  await assert(dave.subject, { groups })
  await until(() => audit().filter(({ event }) => event === 'sign-in').length === 2)
  t.match(audit(), [
    { level: 30, audit: 1, event: 'provisioned', subject: carol.subject, reqId: String },
    { level: 30, event: 'sign-in', subject: carol.subject },
    { level: 30, event: 'sign-in', subject: dave.subject }
  ])
  t.equal(audit().length, 3)
})

t.test('each way in which a session ends has its line, once, with the reason', async t => {
  const hour = 3_600_000
  type Started = Awaited<ReturnType<typeof start>>
  const ask = async ({ origin }: Started, browser: Browser, path = '/gateway/check') => {
    await (await browser.fetch(origin + path, asScript())).text()
  }
  const byLogin: [reason: string, options: Partial<GatewayOptions>, end: (stage: Started, browser: Browser) => Promise<void>][] = [
    ['sign-out', {},
      async ({ origin }, browser) => { await browser.fetch(`${origin}/logout`, asScript({ method: 'POST', headers: { origin } })) }],
    ['idle', { sessionIdleSeconds: 3_600 }, async ({ clock }) => { clock.aheadMs = hour + 1_000 }],
    ['lifetime', { sessionMaxSeconds: 7_200 }, async ({ clock }) => { clock.aheadMs = 2 * hour + 1_000 }],
    ['tokens-refused', {}, async ({ tenant, clock }) => {
      tenant.controls.addFault({ path: '/oauth/token', status: 400, body: { error: 'invalid_grant' } })
      clock.aheadMs = hour
    }],
    ['not-allowed', { allowedGroups: ['Guests'] }, async (stage, browser) => {
      stage.tenant.controls.setUser({ subject: alice.subject, groups: [] })
      stage.clock.aheadMs = hour
      await ask(stage, browser, '/api/v1/items')
      await ask(stage, browser, '/api/v1/items')
    }],
    ['another-user', {}, async ({ origin, signIn }, browser) => {
      // In a browser that the identity provider does not know.
      const shared = createBrowser()
      shared.cookies.set(new URL(origin), `qlik-session=${browser.cookies.get(origin, 'qlik-session')}; Path=/`)
      await signIn(bob, shared)
    }]
  ]
  for (const [reason, options, end] of byLogin) {
    t.test(reason, async t => {
      const stage = await start(t, { logUsers: true, ...options })
      stage.tenant.controls.setUser({ subject: alice.subject, groups: ['Guests'] })
      const browser = await stage.signIn()
      const [{ session, subject } = {}] = stage.audit()
      const ends = () => stage.audit().filter(({ event }) => event !== 'sign-in' && event !== 'policy-denied')
      await end(stage, browser)
      for (let time = 0; time < 2; time++) await ask(stage, browser, '/api/v1/items')
      await until(() => ends().length > 0)
      const line = reason === 'sign-out' ? { event: 'sign-out' } : { event: 'session-ended', reason }
      t.match(ends(), [{ audit: 1, level: 30, ...line, session, subject, reqId: String }])
      t.equal(ends().length, 1)
    })
  }

  const byHost: [reason: string, named: string | undefined, plant?: (stage: Started) => void][] = [
    ['nobody-named', undefined],
    ['another-user', dave.subject],
    ['user-refused', carol.subject, ({ tenant, clock }) => {
      tenant.controls.addFault({ path: '/oauth/token', status: 404, body: { errors: [{ code: 'X', title: 'User not found' }] } })
      clock.aheadMs = 7 * hour
    }]
  ]
  for (const [reason, next, plant] of byHost) {
    t.test(`${reason}, where the host application names the user`, async t => {
      const { subject, name } = carol
      let named: string | undefined = subject
      const stage = await startOwnUsers(t, { identify: () => named === undefined ? undefined : { subject: named, name } })
      for (const user of [carol, dave]) stage.tenant.controls.setUser(user)
      const first = await fetch(`${stage.origin}/gateway/session`)
      const cookie = first.headers.getSetCookie().map(line => line.split(';', 1)[0]).join('; ')
      const [{ session } = {}] = stage.audit()
      named = next
      plant?.(stage)
      for (let time = 0; time < 2; time++) await (await fetch(`${stage.origin}/api/v1/items`, { headers: { cookie } })).text()
      const ends = () => stage.audit().filter(({ event }) => event === 'session-ended')
      await until(() => ends().length > 0)
      t.match(ends(), [{ audit: 1, level: 30, reason, session, subject }])
      t.equal(ends().length, 1)
    })
  }
})

t.test('a user who is named and whom the tenant refuses is a refused sign-in, on whichever route', async t => {
  const stage = await startOwnUsers(t, { identify: () => ({ subject: 'portal|nobody', name: 'Nobody' }) })
  t.equal((await fetch(`${stage.origin}/api/v1/items`)).status, 403)
  await until(() => stage.audit().length > 0)
  t.match(stage.audit(), [{ level: 40, event: 'sign-in-refused', reason: 'GW-USER-REFUSED', route: '/api', client: '127.0.0.1' }])
  t.equal(stage.audit().length, 1, 'no session has ended, since none had begun')
})

t.test('of what one request or socket is denied twenty lines are written, with a path of 256 characters at most', t => {
  const signals = createSignals()
  const { log, lines } = createLog()
  writeAudit(signals, true)
  for (let count = 0; count < 25; count++) {
    signals.emit('denied', {
      rule: 'ALLOWED_API',
      log,
      sessionId: undefined,
      subject: undefined,
      method: 'GET',
      path: '/api/'.padEnd(300, 'x')
    })
  }
  t.equal(lines.length, 20)
  t.match(lines[0], { event: 'policy-denied', session: undefined, subject: undefined, path: /^.{256}$/ })
  t.end()
})
