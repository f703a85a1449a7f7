import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { WebSocket } from 'ws'
import { SALES_APP_ID } from '../sandbox/data/apps.js'
import { alice } from '../sandbox/identities.js'
import { createBrowser, login } from './helpers/browser-jar.js'
import { createGate } from './helpers/gate.js'
import { asScript, createClock, startGateway } from './helpers/gateway.js'
import { until } from './helpers/log.js'
import { reservePort } from './helpers/ports.js'
import { startRedis } from './helpers/redis.js'
import { serveHttp } from './helpers/servers.js'
import { cookieOf, freshSession, openSession, tenantAt } from './helpers/session-cookie.js'
import { startReplicas } from './helpers/replicas.js'

const expiries = Number(process.env.EXPIRIES ?? 5)
const requests = Number(process.env.REQUESTS ?? 25)

t.test('at every expiry many requests at once at three replicas get their answers, with one grant, while Redis is killed and ' +
  'started again', async t => {
  // The gateways' clock is turned, so that a busy machine cannot let tokens end between a gateway and the tenant.
  const clock = createClock()
  const { redis, tenant, origins, here, signIn } = await startReplicas(t, { accessTokenSeconds: 600, clock })
  const browser = await signIn()
  const statuses = new Map<number, number>()
  const grants: number[] = []
  for (let expiry = 0; expiry < expiries; expiry++) {
    clock.aheadMs += 545_000
    const cookie = browser.cookies.header(new URL(origins[0] as string))
    const answers = await Promise.all(origins.flatMap(origin => Array.from({ length: requests }, async () => {
      const answer = await fetch(`${origin}/api/v1/items`, { headers: { cookie } })
      await answer.text()
      return answer
    })))
    for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1)
    // The browser keeps the last that it gets, whichever that is.
    for (const answer of answers) browser.cookies.store(new URL(origins[0] as string), answer.headers)
    grants.push(tenant.controls.grants.refresh_token)
    if (expiry % 5 === 2) {
      await redis.kill()
      await redis.start()
      await here()
    }
  }
  t.same([...statuses], [[200, expiries * requests * 3]])
  t.same(grants, Array.from({ length: expiries }, (_, index) => index + 1), 'one grant at each expiry')
  t.equal(tenant.controls.grants.refused, 0)
})

t.test('an answer of one replica never displaces the session that another has renewed meanwhile', async t => {
  const clock = createClock()
  const { redis, tenant, origins: [one, two], publicUrl, signIn } = await startReplicas(t, { clock })
  const browser = await signIn()
  const page = new URL(publicUrl)
  const cookie = browser.cookies.header(page)
  // Long enough for the use to be written, not for the token to be due.
  clock.aheadMs = 5 * 3_600_000
  tenant.controls.clear()
  const gate = createGate()
  tenant.controls.addFault({ path: '/api/v1/items', until: gate.opened, times: 1 })
  const slow = fetch(`${one}/api/v1/items`, { headers: { cookie } })
  await until(() => tenant.controls.requests.some(({ path }) => path === '/api/v1/items'))
  clock.aheadMs = 6 * 3_600_000
  const renewed = await fetch(`${two}/api/v1/spaces`, { headers: { cookie } })
  browser.cookies.store(page, renewed.headers)
  gate.open()
  const answer = await slow
  t.ok(answer.headers.getSetCookie().length > 0, 'it writes the use')
  browser.cookies.store(page, answer.headers)
  t.equal((await openSession(browser.cookies.header(page), tenant)).grant.generation, 1)
  await redis.kill()
  t.equal((await browser.fetch(`${one}/api/v1/items`, asScript())).status, 200)
  t.same([tenant.controls.grants.refresh_token, tenant.controls.grants.refused], [1, 0])
})

t.test('Redis that is killed in the middle of a grant costs nobody the login', async t => {
  const clock = createClock()
  const { redis, tenant, origins, signIn } = await startReplicas(t, { accessTokenSeconds: 600, clock })
  const browser = await signIn()
  const cookie = browser.cookies.header(new URL(origins[0] as string))
  const statuses = new Set<number>()
  const everywhere = async () => {
    await Promise.all(
      origins.flatMap(origin =>
        Array.from({ length: 10 }, async () => { statuses.add((await fetch(`${origin}/api/v1/items`, { headers: { cookie } })).status) })
      )
    )
  }
  const granting = () => tenant.controls.requests.some(({ path }) => path === '/oauth/token')
  tenant.controls.clear()
  const killed = createGate()
  tenant.controls.addFault({ path: '/oauth/token', until: killed.opened, times: 1 })
  clock.aheadMs += 545_000
  const asking = everywhere()
  await until(granting)
  await redis.kill()
  killed.open()
  await asking
  await redis.start()
  await until(async () => (await redis.ask('KEYS *outcome')).includes('outcome'))
  clock.aheadMs += 30_000
  await everywhere()
  t.same([...statuses], [200])
  t.equal(tenant.controls.grants.refresh_token, 1)
  t.equal(tenant.controls.grants.refused, 0)
})

for (const elsewhere of [false, true]) {
  t.test(`a grant under way while the user signs out at ${elsewhere ? 'another' : 'the same'} replica is given back, ` +
    'and sets no cookie', async t => {
    const redis = await startRedis(t)
    const revoked: string[] = []
    let told: (grant: () => void) => void = () => {}
    const asked = new Promise<() => void>(resolve => { told = resolve })
    const { origin: tenant } = await serveHttp(t, async (request, response) => {
      const form = new URLSearchParams(await text(request))
      response.setHeader('content-type', 'application/json')
      if (request.url === '/oauth/revoke') {
        revoked.push(form.get('token') as string)
        response.end()
        return
      }
      const tokens = { access_token: 'new', refresh_token: 'new-refresh-token', token_type: 'bearer', expires_in: 3600 }
      told(() => response.end(JSON.stringify(tokens)))
    })
    const ports = [await reservePort(), await reservePort()]
    const publicUrl = `http://localhost:${ports[0]}`
    const [one, two] = await Promise.all(ports.map(async port => {
      const settings = { PORT: String(port), PUBLIC_URL: publicUrl, REDIS_URL: redis.url }
      return (await startGateway(t, { tenant: { origin: tenant }, settings })).origin
    })) as [string, string]
    await until(async () => /:2\r\n/.test(await redis.ask('PUBSUB NUMSUB {qlik-embed-gateway}:ended')))
    const fresh = freshSession()
    const cookie = await cookieOf({ ...fresh, grant: { ...fresh.grant, endsAt: Date.now() } }, tenantAt(tenant))
    const answers = Promise.all(Array.from({ length: 5 }, async () => await fetch(`${one}/api/v1/items`, { headers: { cookie } })))
    const grant = await asked
    t.equal((await fetch(`${elsewhere ? two : one}/logout`, { headers: { cookie }, redirect: 'manual' })).status, 303)
    if (elsewhere) await until(() => revoked.length === 1)
    grant()
    for (const answer of await answers) {
      t.equal(answer.status, 401)
      t.same(answer.headers.getSetCookie(), [])
    }
    const expected = [...(elsewhere ? ['a-refresh-token'] : []), 'new-refresh-token']
    await until(() => revoked.length >= expected.length)
    t.same(revoked, expected)
  })
}

t.test('a callback that is loaded at two replicas is exchanged once', async t => {
  const { tenant, origins, publicUrl } = await startReplicas(t)
  const browser = createBrowser({ stopAt: url => url.href.startsWith(`${publicUrl}/login/callback`) })
  const callback = new URL((await login(browser, `${publicUrl}/login?returnto=/healthz`, alice)).headers.get('location') as string)
  const headers = { cookie: browser.cookies.header(callback), accept: 'application/json' }
  const answers = await Promise.all(
    origins.map(async origin => await fetch(origin + callback.pathname + callback.search, { headers, redirect: 'manual' }))
  )
  t.same(answers.map(({ status }) => status).sort(), [303, 400, 400])
  t.equal(tenant.controls.grants.authorization_code, 1)
  for (const answer of answers) browser.cookies.store(callback, answer.headers)
  const again = await browser.fetch((origins[1] as string) + callback.pathname + callback.search, { redirect: 'manual' })
  t.equal(again.status, 303, 'and leads back wherever it is loaded, once the session is there')
  t.equal((await fetch(`${origins[2] as string}/api/v1/items`, { headers: { cookie: browser.cookies.header(callback) } })).status, 200)
  t.equal(tenant.controls.liveTokens(alice.id), 1)
})

t.test('a cookie of before a new sign-in leads to the new tokens at every replica', async t => {
  const clock = createClock()
  const { tenant, origins, publicUrl, signIn } = await startReplicas(t, { clock })
  const browser = await signIn()
  const before = browser.cookies.header(new URL(publicUrl))
  clock.aheadMs = 6 * 3_600_000 - 30_000
  await (await login(browser, `${publicUrl}/login?returnto=/healthz&prompt=login`, alice)).body?.cancel()
  await until(() => tenant.controls.liveTokens(alice.id) === 1)
  for (const origin of origins) {
    const answer = await fetch(`${origin}/api/v1/items`, { headers: { cookie: before } })
    t.equal(answer.status, 200)
    t.equal((await openSession(answer.headers.getSetCookie().map(line => line.split(';', 1)[0]).join('; '), tenant)).grant.generation, 2)
  }
  t.same([tenant.controls.grants.refresh_token, tenant.controls.grants.refused], [0, 0])
})

t.test('tabs that sign in at the same time at several replicas share one session and leave one grant, whichever ' +
  'answer comes last', async t => {
  const { tenant, origins, publicUrl } = await startReplicas(t)
  const browser = createBrowser({ stopAt: url => url.href.startsWith(`${publicUrl}/login/callback`) })
  const callbacks: URL[] = []
  for (let tab = 0; tab < 5; tab++) {
    callbacks.push(new URL((await login(browser, `${publicUrl}/login?returnto=/healthz`, alice)).headers.get('location') as string))
  }
  const headers = { cookie: browser.cookies.header(new URL(publicUrl)), accept: 'text/html' }
  const answers = await Promise.all(callbacks.map(async ({ pathname, search }, tab) =>
    await fetch((origins[tab % 3] as string) + pathname + search, { headers, redirect: 'manual' })))
  t.same(answers.map(({ status }) => status), Array.from({ length: 5 }, () => 303))
  await until(() => tenant.controls.liveTokens(alice.id) === 1)
  for (const answer of answers) {
    browser.cookies.store(new URL(publicUrl), answer.headers)
    const cookie = browser.cookies.header(new URL(publicUrl))
    const served = await Promise.all(origins.map(async origin => (await fetch(`${origin}/api/v1/items`, { headers: { cookie } })).status))
    t.same(served, [200, 200, 200])
  }
  const ids = await Promise.all(answers.map(async ({ headers }) => {
    const cookie = headers.getSetCookie().map(line => line.split(';', 1)[0]).join('; ')
    return (await openSession(cookie, tenant)).id
  }))
  t.equal(new Set(ids).size, 1)
})

t.test('tokens of a session whose cookie was not kept are given back by whichever replica sees that', async t => {
  const { tenant, origins, publicUrl } = await startReplicas(t)
  const browser = createBrowser()
  browser.cookies.keeps = name => name !== 'qlik-session'
  await (await login(browser, `${publicUrl}/login?returnto=/healthz`, alice)).body?.cancel()
  t.equal(tenant.controls.liveTokens(alice.id), 1)
  const visit = await browser.fetch(`${origins[1] as string}/login?returnto=/healthz`, { redirect: 'manual' })
  t.equal(visit.status, 302)
  await until(() => tenant.controls.liveTokens(alice.id) === 0)
})

t.test('a session that its user has signed in to again lives on at every replica, with what is open there', async t => {
  const clock = createClock()
  const { tenant, origins: [, two], publicUrl, signIn } = await startReplicas(t, { clock, settings: { SESSION_MAX_SECONDS: '1000' } })
  const browser = await signIn()
  const headers = { cookie: browser.cookies.header(new URL(publicUrl)), origin: publicUrl }
  const socket = new WebSocket(`${(two as string).replace('http', 'ws')}/app/${SALES_APP_ID}`, { headers })
  await once(socket, 'open')
  const events = (await fetch(`${two}/gateway/events`, { headers })).body?.pipeThrough(new TextDecoderStream()).getReader()
  let heard = ''
  const hear = async (until: RegExp) => {
    for (heard = ''; !until.test(heard);) {
      const { done, value } = await events?.read() ?? { done: true }
      if (done) break
      heard += value
    }
    return heard
  }
  t.match(await hear(/retry/), /^retry: 2000/)
  clock.aheadMs = 800_000
  t.equal(await hear(/:\n\n/), ':\n\n')
  await (await login(browser, `${publicUrl}/login?returnto=/healthz&prompt=login`, alice)).body?.cancel()
  await until(() => tenant.controls.liveTokens(alice.id) === 1)
  for (const seconds of [1_100, 1_200, 1_300]) {
    clock.aheadMs = seconds * 1_000
    t.equal(await hear(/:\n\n/), ':\n\n', 'of a session that lives')
  }
  t.equal(socket.readyState, WebSocket.OPEN)
  t.equal((await fetch(`${two}/api/v1/items`, { headers })).status, 200, 'with the cookie of before too')
  clock.aheadMs = 1_801_000
  const [code] = await once(socket, 'close') as [number]
  t.equal(code, 4006)
  t.match(await hear(/signed-out/), 'signed-out')
})

t.test('where tokens cannot be renewed, those of before a new sign-in end nothing at another replica either', async t => {
  const clock = createClock()
  const { origins, publicUrl, signIn } = await startReplicas(t, { clock, settings: { QLIK_SCOPES: 'user_default' } })
  const browser = await signIn()
  const page = new URL(publicUrl)
  const before = browser.cookies.header(page)
  clock.aheadMs = 3 * 3_600_000
  await (await login(browser, `${publicUrl}/login?returnto=/healthz&prompt=login`, alice)).body?.cancel()
  const slow = await fetch(`${origins[1] as string}/gateway/check`, { headers: { cookie: before } })
  t.same([slow.status, slow.headers.getSetCookie()], [204, []], 'they serve until they end, and displace nothing')
  clock.aheadMs = 7 * 3_600_000
  t.equal((await fetch(`${origins[1] as string}/api/v1/items`, { headers: { cookie: before } })).status, 401)
  for (const origin of origins) t.equal((await browser.fetch(`${origin}/api/v1/items`, asScript())).status, 200)
})

t.test('a one-time code of a login is taken by one replica, however many are asked at once', async t => {
  const { redis, origins, publicUrl } = await startReplicas(t)
  const exchange = async (code: string, verifier: string) => await Promise.all(origins.map(async origin => {
    const answer = await fetch(`${origin}/gateway/handover`, {
      method: 'POST',
      body: JSON.stringify({ code, verifier }),
      headers: { 'content-type': 'application/json', origin: publicUrl }
    })
    return answer.status
  }))
  const obtain = async () => {
    const verifier = randomBytes(32).toString('base64url')
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    const page = await (
      await login(createBrowser(), `${publicUrl}/login?${new URLSearchParams({ returnto: '/', handover: challenge })}`, alice)
    ).text()
    return { verifier, code: /qlik-gateway-code=([\w.-]+)/.exec(page)?.[1] ?? '' }
  }
  const { code, verifier } = await obtain()
  t.same((await exchange(code, verifier)).sort(), [204, 400, 400])
  t.same(await exchange(code, verifier), [400, 400, 400])
  const second = await obtain()
  await redis.kill()
  const statuses = await exchange(second.code, second.verifier)
  t.ok(statuses.includes(204), 'without Redis each replica knows its own')
  t.same(await exchange(second.code, second.verifier), [400, 400, 400])
})

t.test('replicas start and serve while Redis is away', async t => {
  const port = await reservePort()
  const { tenant } = await startReplicas(t)
  const { origin } = await startGateway(t, { tenant, settings: { PORT: String(port), REDIS_URL: 'redis://127.0.0.1:1' } })
  t.equal((await fetch(`${origin}/readyz`)).status, 200)
  t.match(await (await fetch(`${origin}/gateway/session`)).json(), { authenticated: false })
})
