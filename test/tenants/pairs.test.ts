import { createHash, randomBytes } from 'node:crypto'
import { request, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import { calculateJwkThumbprint } from 'jose'
import t from 'tap'
import { WebSocket } from 'ws'
import type { Login } from '../../src/login/logins.js'
import { createCookieJar } from '../../src/session/cookies.js'
import { issueCsrfToken } from '../../src/session/csrf.js'
import { sealHeld } from '../../src/session/held.js'
import { createSeal, deriveKey } from '../../src/session/seal.js'
import { sealTicket } from '../../src/session/ticket.js'
import type { TenantOptions } from '../../src/settings/tenant-options.js'
import { scopeOf } from '../../src/tenants/create-tenant.js'
import { accept, outcome } from '../helpers/engine-sockets.js'
import { openHeldPage } from '../helpers/held-page.js'
import { until } from '../helpers/log.js'
import { startRedis } from '../helpers/redis.js'
import { serveHttp } from '../helpers/servers.js'
import { freshSession, sessionKey } from '../helpers/session-cookie.js'
import { cookieFor, entryFor, startSeveral } from '../helpers/several-tenants.js'

const site = 'https://site.example'
const key = Buffer.from(sessionKey, 'base64')

/** The status of an answer, as soon as it begins. */
async function statusOf (
  port: number,
  url: URL,
  { method = 'GET', headers = {}, body = '' }: { method?: string, headers?: Record<string, string>, body?: string } = {}
): Promise<number> {
  return await new Promise((resolve, reject) => {
    const path = url.pathname + url.search
    request({ host: '127.0.0.1', port, method, path, headers: { host: url.host, ...headers }, agent: false }, response => {
      resolve(response.statusCode as number)
      response.destroy()
    }).on('error', reject).end(body)
  })
}

/** What one tenant has given out, as the gateway would have sealed it. */
async function makeOwner (entry: TenantOptions) {
  const scope = scopeOf({ tenantUrl: new URL(String(entry.tenantUrl)), clientId: String(entry.clientId), name: entry.name })
  const { pathname } = new URL(entry.publicUrl)
  return {
    entry,
    seal: createSeal([key], scope),
    csrfKey: deriveKey(key, 'csrf', scope),
    jar: createCookieJar({ secure: true, crossSite: true, name: pathname === '/' ? 'qlik' : `qlik-${entry.name}` }),
    urlOf: (path: string) => new URL(String(entry.publicUrl).replace(/\/$/, '') + path)
  }
}

type Owner = Awaited<ReturnType<typeof makeOwner>>
const cookieOf = (lines: string[]) => lines.map(line => line.split(';', 1)[0]).join('; ')

t.test('what one tenant gave out is noise to every other: sessions, sockets, events, hand-over codes, tickets, held ' +
  'sessions, CSRF tokens and logins', async t => {
  const asked: string[] = []
  const { origin, server } = await serveHttp(t, (request, response) => {
    asked.push(String(request.url))
    response.end('{}')
  })
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
    asked.push(String(request.url))
    accept(socket, request)
    t.teardown(() => { socket.destroy() })
  })
  const { origin: elsewhere } = await serveHttp(t, (_request, response) => { response.end('{}') })
  // Each pair differs in one thing: the name and host, the path, the address of the tenant, the client.
  const cases: [name: string, publicUrl: string, tenant: string, client: string][] = [
    ['one', 'https://one.example.com', origin, 'client'],
    ['two', 'https://two.example.com', origin, 'client'],
    ['by-path', 'https://app.example.com/by-path', origin, 'client'],
    ['by-other-path', 'https://app.example.com/by-other-path', origin, 'client'],
    ['other-tenant', 'https://three.example.com', elsewhere, 'client'],
    ['other-client', 'https://four.example.com', origin, 'another']
  ]
  const entries = cases.map(([name, publicUrl, tenant, id]) =>
    entryFor(name, publicUrl, { origin: tenant, client: { id, secret: 'secret' } })
  )
  const { port } = await startSeveral(t, () => entries, {
    top: { embedOrigins: [site], cookieMode: 'cross-site', maxLoginsPerMinute: 1_000 }
  })
  const owners = await Promise.all(entries.map(makeOwner))
  const page = await openHeldPage(site)
  const thumbprint = await calculateJwkThumbprint(page.key)

  // Each offers what `from` gave out to `to`, under the names that `to` looks for.
  const offers: Record<string, (from: Owner, to: Owner) => Promise<number>> = {
    session: async (from, to) =>
      await statusOf(port, to.urlOf('/api/v1/items'), {
        headers: { cookie: cookieOf(to.jar.write('session', from.seal.seal('session', freshSession()), 60)) }
      }),
    async socket (from, to) {
      const { host, pathname } = to.urlOf('/app/x')
      const headers = {
        host,
        origin: new URL(to.entry.publicUrl).origin,
        cookie: cookieOf(to.jar.write('session', from.seal.seal('session', freshSession()), 60))
      }
      const socket = new WebSocket(`ws://127.0.0.1:${port}${pathname}`, { headers })
      const { status } = await outcome(socket)
      socket.on('error', () => {}).terminate()
      return status === 101 ? 200 : status
    },
    events: async (from, to) =>
      await statusOf(port, to.urlOf('/gateway/events'), {
        headers: { cookie: cookieOf(to.jar.write('session', from.seal.seal('session', freshSession()), 60)) }
      }),
    async 'hand-over' (from, to) {
      const verifier = randomBytes(32).toString('base64url')
      const challenge = createHash('sha256').update(verifier).digest('base64url')
      const handover = { session: freshSession(), challenge, origin: site, endsAt: Date.now() + 60_000 }
      const code = `${challenge}.${from.seal.seal('handover', handover)}`
      return await statusOf(port, to.urlOf('/gateway/handover'), {
        method: 'POST',
        headers: { origin: site, 'content-type': 'application/json' },
        body: JSON.stringify({ code, verifier })
      })
    },
    async ticket (from, to) {
      const ticket = sealTicket({ seal: from.seal, now: Date.now }, { session: freshSession(), thumbprint, origin: site })
      return await statusOf(port, to.urlOf(`/gateway/events?qlik-gateway-ticket=${ticket}`), { headers: { origin: site } })
    },
    async 'held session' (from, to) {
      const sealed = sealHeld({ seal: from.seal }, { session: freshSession(), thumbprint, origin: site })
      return await statusOf(port, to.urlOf('/api/v1/items'), { headers: await page.prove(sealed) })
    },
    async 'CSRF token' (from, to) {
      const session = freshSession()
      const headers = {
        cookie: cookieOf(to.jar.write('session', to.seal.seal('session', session), 60)),
        'qlik-csrf-token': issueCsrfToken(session.id, [from.csrfKey])
      }
      return await statusOf(port, to.urlOf('/api/v1/items'), { method: 'POST', headers })
    },
    async login (from, to) {
      const state = randomBytes(32).toString('base64url')
      const login: Login = { state, codeVerifier: 'v'.repeat(43), returnTo: '/', startedAt: Date.now(), attempts: 0 }
      const tag = createHash('sha256').update(state).digest('hex').slice(0, 12)
      const cookie = cookieOf(to.jar.write(`login-${tag}`, from.seal.seal('login', login), 60))
      const before = asked.filter(url => url === '/oauth/token').length
      const status = await statusOf(port, to.urlOf(`/login/callback?code=code&state=${state}`), { headers: { cookie } })
      // What the plain tenant answers to the exchange is no token.
      return status >= 500 && (to.entry.tenantUrl !== origin || asked.filter(url => url === '/oauth/token').length > before) ? 200 : status
    }
  }
  const refusals: Record<string, number> = {
    session: 401,
    socket: 401,
    events: 401,
    'hand-over': 400,
    ticket: 401,
    'held session': 401,
    'CSRF token': 403,
    login: 400
  }
  for (const [kind, offer] of Object.entries(offers)) {
    const seen: Record<string, number> = {}
    const wanted: Record<string, number> = {}
    for (const from of owners) {
      for (const to of owners) {
        const pair = `${from.entry.name} -> ${to.entry.name}`
        seen[pair] = await offer(from, to)
        wanted[pair] = from === to ? kind === 'hand-over' ? 204 : 200 : Number(refusals[kind])
      }
    }
    t.same(seen, wanted, kind)
  }
})

t.test('host names and links are those of one tenant: what leads to another stays, in bodies, headers and what is sent', async t => {
  const sent: string[] = []
  const addresses: string[] = []
  const startNamed = async (alias: string) => {
    const { origin } = await serveHttp(t, (request, response) => {
      if (request.url === '/api/v1/tenants/me') {
        response.end(JSON.stringify({ hostnames: [alias] }))
      } else if (request.method === 'POST') {
        text(request).then(body => {
          sent.push(body)
          response.end()
        }, () => {})
      } else {
        response
          .writeHead(200, { 'content-type': 'application/json', link: addresses.map(address => `<${address}>; rel="x"`).join(', ') })
          .end(JSON.stringify(addresses))
      }
    })
    const { port } = new URL(origin)
    return { origin, alias, port, own: [`${origin}/x`, `http://${alias}:${port}/x`] }
  }
  const [first, second] = [await startNamed('first.example'), await startNamed('second.example')]
  // Those of both, and host names of the one with ports of the other.
  addresses.push(...first.own, ...second.own, `http://${first.alias}:${second.port}/x`, `http://${second.alias}:${first.port}/x`)
  // One path begins as another does.
  const cases: [name: string, publicUrl: string, tenant: typeof first][] = [
    ['one', 'https://one.example.com', first],
    ['two', 'https://two.example.com', first],
    ['by-path', 'https://app.example.com/path', first],
    ['by-longer-path', 'https://app.example.com/path-too', second],
    ['other-tenant', 'https://three.example.com', second]
  ]
  const entries = cases.map(([name, publicUrl, tenant]) => entryFor(name, publicUrl, tenant))
  const gateway = await startSeveral(t, () => entries)
  const seen: Record<string, unknown> = {}
  const wanted: Record<string, unknown> = {}
  for (const [at, [name, publicUrl, { origin, own }]] of cases.entries()) {
    const cookie = await cookieFor(entries[at] as TenantOptions)
    const read = async () => await gateway.get(`${publicUrl}/api/v1/links`, { cookie })
    // Its alias is known once the tenant has been asked for it, behind the first answer.
    await until(async () => !(await read()).body.includes(`${own[1]}`))
    const { body, headers } = await read()
    const pages = cases.map(([, page]) => `${page}/x`)
    await statusOf(gateway.port, new URL(`${publicUrl}/api/v1/pages`), {
      method: 'POST',
      headers: { cookie, 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' },
      body: JSON.stringify(pages)
    })
    const led = addresses.map(address => own.includes(address) ? `${publicUrl}/x` : address)
    seen[name] = { body, link: headers.link, sent: sent.at(-1) }
    wanted[name] = {
      body: JSON.stringify(led),
      link: led.map(address => `<${address}>; rel="x"`).join(', '),
      sent: JSON.stringify(pages.map(page => page === `${publicUrl}/x` ? `${origin}/x` : page))
    }
  }
  t.same(seen, wanted)
})

t.test('no two tenants have keys in common', async t => {
  const word = fc.stringMatching(/^[\x21-\x7e]{1,12}$/)
  const tenant = fc.record({
    tenantUrl: fc.constantFrom('https://a.example', 'https://b.example', 'https://a.example:444').map(url => new URL(url)),
    clientId: fc.oneof(word, fc.constantFrom('as', 'impersonation', 'id')),
    credentials: fc.constantFrom('authorization-code' as const, 'impersonation' as const),
    name: fc.stringMatching(/^[a-z\d-]{1,8}$/)
  })
  fc.assert(
    fc.property(tenant, tenant, (one, other) => (scopeOf(one) === scopeOf(other)) === (JSON.stringify(one) === JSON.stringify(other))),
    { numRuns: Number(process.env.FC_RUNS ?? 500) }
  )
  const purposes = ['session', 'login', 'handover', 'shared', 'held', 'ticket'] as const
  await fc.assert(fc.asyncProperty(tenant, tenant, fc.constantFrom(...purposes), async (one, other, purpose) => {
    fc.pre(scopeOf(one) !== scopeOf(other))
    const [seal, foreign] = [createSeal([key], scopeOf(one)), createSeal([key], scopeOf(other))]
    const sealed = seal.seal(purpose, { secret: 1 })
    return seal.open(purpose, sealed) !== undefined && foreign.open(purpose, sealed) === undefined
  }), { numRuns: 25 })
})

t.test('in Redis each tenant has keys and channels of its own: the end of a session at one ends none at another', async t => {
  const redis = await startRedis(t)
  const { origin } = await serveHttp(t, (_request, response) => { response.end('{}') })
  const [one, two] = ['one', 'two'].map(name => entryFor(name, `https://${name}.example.com`, { origin })) as [TenantOptions, TenantOptions]
  const replicas = await Promise.all([1, 2].map(async () => await startSeveral(t, () => [one, two], { top: { redisUrl: redis.url } })))
  const [here, there] = replicas as [typeof replicas[0], typeof replicas[0]]
  for (const name of ['one', 'two']) {
    await until(async () => /:2\r\n/.test(await redis.ask(`PUBSUB NUMSUB {qlik-embed-gateway}:${name}:ended`)))
  }
  // The worst case: the same id, and the same tokens, at both.
  const session = freshSession()
  const cookies = { one: await cookieFor(one, session), two: await cookieFor(two, session) }
  const items = async (gateway: typeof here, name: 'one' | 'two') =>
    (await gateway.get(`https://${name}.example.com/api/v1/items`, { cookie: cookies[name] })).status
  await here.get('https://one.example.com/logout', { cookie: cookies.one, 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'same-origin' })
  await until(async () => await items(there, 'one') === 401)
  t.same([await items(here, 'two'), await items(there, 'two')], [200, 200])
  t.match(await redis.ask('KEYS *'), /\{qlik-embed-gateway\}:one:ended/)
  const keys = (await redis.ask('KEYS *')).split('\r\n').filter(line => line.includes('{'))
  t.same(keys.filter(line => !/^\{qlik-embed-gateway\}:(?:one|two):/.test(line)), [])
})
