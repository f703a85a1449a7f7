import fastify, { LogController } from 'fastify'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { SALES_APP_ID } from '../../sandbox/data/apps.js'
import { alice, bob } from '../../sandbox/identities.js'
import { startTenant } from '../../sandbox/tenant.js'
import { gateway, type GatewayOptions } from '../../src/gateway.js'
import { createSignals } from '../../src/signals.js'
import { createBrowser, login } from '../helpers/browser-jar.js'
import { asScript } from '../helpers/gateway.js'
import { createLog, until } from '../helpers/log.js'
import { reservePort } from '../helpers/ports.js'
import { noteOutput } from '../helpers/run-record.js'
import { sessionKey } from '../helpers/session-cookie.js'

/** A gateway before the sandbox, and the lines of its audit without what differs with each run. */
async function start (t: Test, options: Partial<GatewayOptions> = {}) {
  const port = await reservePort()
  const origin = `http://localhost:${port}`
  const tenant = await startTenant({ accessTokenSeconds: 600, redirectUris: [`${origin}/login/callback`] })
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
  const signals = createSignals()
  const { id: clientId, secret: clientSecret } = tenant.client
  await app.register(gateway, { signals, tenantUrl: tenant.origin, clientId, clientSecret, publicUrl: origin, sessionKeys: sessionKey, publicFolder: `${process.cwd()}/public`, ...options })
  await app.listen({ port, host: '127.0.0.1' })
  const audit = () => lines.filter(({ msg }) => msg === 'audit')
  const signIn = async (user = alice, browser = createBrowser()) => {
    const answer = await login(browser, `${origin}/login?returnto=/healthz&prompt=login`, user)
    await answer.body?.cancel()
    return browser
  }
  return { origin, tenant, signals, lines, audit, signIn }
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
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/app/${SALES_APP_ID}`, { headers: { cookie: browser.cookies.header(new URL(origin)), origin } })
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

t.test('a user who was set up at the tenant is told', async t => {
  const { signals, audit } = await start(t, { logUsers: true })
  const { log, lines } = createLog()
  signals.emit('provisioned', 'a-subject', log)
  t.match(lines, [{ level: 'info', audit: 1, event: 'provisioned', subject: 'a-subject', msg: 'audit' }])
  t.same(audit(), [])
})

t.test('the end of a session that nobody signed out of has its reason, once', async t => {
  const clock = { aheadMs: 0 }
  const now = () => Date.now() + clock.aheadMs
  const { origin, tenant, audit, signIn } = await start(t, { sessionIdleSeconds: 3_600, sessionMaxSeconds: 7_200, ...{ now } })
  const reasons = () => audit().filter(({ event }) => event === 'session-ended').map(({ reason }) => reason)
  const ask = async (browser: Awaited<ReturnType<typeof signIn>>) => { await browser.fetch(`${origin}/gateway/check`, asScript()) }

  const browser = await signIn()
  // In a browser that the identity provider does not know.
  const shared = createBrowser()
  shared.cookies.set(new URL(origin), `qlik-session=${browser.cookies.get(origin, 'qlik-session')}; Path=/`)
  await signIn(bob, shared)
  t.same(reasons(), ['another-user'])
  clock.aheadMs += 3_601_000
  await ask(shared)
  await ask(shared)
  t.same(reasons(), ['another-user', 'idle'])
  const late = await signIn()
  clock.aheadMs += 7_201_000
  await ask(late)
  t.same(reasons(), ['another-user', 'idle', 'lifetime'])
  const refused = await signIn()
  clock.aheadMs += 700_000
  tenant.controls.addFault({ path: '/oauth/token', status: 400, body: { error: 'invalid_grant' } })
  t.equal((await refused.fetch(`${origin}/api/v1/users/me`, asScript())).status, 401)
  t.same(reasons(), ['another-user', 'idle', 'lifetime', 'tokens-refused'])
})
