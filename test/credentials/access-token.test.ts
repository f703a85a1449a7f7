import fastify from 'fastify'
import t, { type Test } from 'tap'
import type { GatewayError } from '../../src/errors.js'
import { createCookieJar } from '../../src/session/cookies.js'
import { createEndedSessions } from '../../src/session/ended.js'
import { createSeal } from '../../src/session/seal.js'
import { createRenewedSessions } from '../../src/session/renewed.js'
import { sessionPlugin } from '../../src/session/session.js'
import { startSession, type Grant, type TokenSet } from '../../src/session/record.js'
import { createSignals } from '../../src/signals.js'
import { accessTokenPlugin } from '../../src/credentials/access-token.js'
import { CodeCredentials } from '../../src/credentials/authorization-code/credentials.js'
import { TokenFailure } from '../../src/credentials/token-failure.js'
import type { Refresher } from '../../src/credentials/refresh.js'
import { startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { serveHttp } from '../helpers/servers.js'
import { cookieOf, freshSession, tenantAt } from '../helpers/session-cookie.js'

const hour = 3_600_000
const first = { accessToken: 'one', refreshToken: 'r', grantedAt: 0, endsAt: hour, generation: 0 }
const second = { ...first, accessToken: 'two', generation: 1 }

async function setUp (t: Test, renew: Refresher['renew'], at: number, serves = false) {
  const seal = createSeal([Buffer.alloc(32, 1)], 'a tenant')
  const jar = createCookieJar({ secure: false, crossSite: false })
  const ended = createEndedSessions(hour)
  const app = fastify()
  t.teardown(async () => { await app.close() })
  const now = () => at
  const discarded: TokenSet[] = []
  const revocation = { revoke: (grant: TokenSet) => { discarded.push(grant) }, close () {} }
  const newest = <Held extends Grant>(grant: Held) => grant
  const follow = async () => {}
  const succeed = (_previous: readonly TokenSet[], tokens: TokenSet) => ({ tokens, leftOver: [], told: Promise.resolve() })
  const renewed = createRenewedSessions(48 * hour)
  const credentials = new CodeCredentials({
    refresher: { renew, serves: () => serves, newest, follow, succeed },
    revocation,
    ended,
    renewed,
    now
  })
  const limits = { idleMs: 24 * hour, maxMs: 48 * hour }
  const settings = { seal, jar, ended, limits, now, newest, follow, lastUse: () => 0, renewed, signals: createSignals() }
  // As admission does.
  app.decorateRequest('target')
  app.addHook('onRequest', async request => { request.target = { path: request.url, query: '' } })
  await app.register(sessionPlugin, { settingsOf: () => settings })
  await app.register(accessTokenPlugin, { credentialsOf: () => credentials })
  app.get('/token', async request => await request.accessToken())
  app.get('/quietly', async request => await request.accessToken({ use: false }))
  app.get('/replace', async request => await request.replaceAccessToken('one') ?? 'none')
  app.setErrorHandler((error: GatewayError, _request, reply) => {
    reply.code(error.statusCode).header('retry-after', String(error.retryAfterSeconds)).send(error.code)
  })
  const session = startSession(first, 0)
  const lines = jar.write('session', seal.seal('session', session), 60)
  const cookie = lines.map(line => line.split(';')[0]).join('; ')
  return {
    app,
    ended,
    discarded,
    session,
    ask: async (url: string, headers: Record<string, string> = { cookie }) => await app.inject({ url, headers })
  }
}

t.test('without a session there is no token', async t => {
  const { ask } = await setUp(t, async tokens => tokens, 0)
  t.match(await ask('/token', {}), { statusCode: 401, body: 'GW-NO-SESSION' })
  t.match(await ask('/replace', {}), { statusCode: 200, body: 'none' })
})

t.test('a token that serves is used, and the answer sets no cookie', async t => {
  const { ask } = await setUp(t, async tokens => tokens, 0)
  const answer = await ask('/token')
  t.equal(answer.body, 'one')
  t.notOk(answer.headers['set-cookie'])
})

t.test('a token of which is known that it serves is used without renewing anything', async t => {
  const { ask } = await setUp(t, async () => { throw new Error('nothing is to be renewed') }, 0, true)
  const answer = await ask('/token')
  t.equal(answer.body, 'one')
  t.notOk(answer.headers['set-cookie'])
})

t.test('a renewed token is stored with the answer', async t => {
  const { ask } = await setUp(t, async () => second, 0)
  const answer = await ask('/token')
  t.equal(answer.body, 'two')
  t.match(answer.headers['set-cookie'], /^qlik-session=1\./)
  t.equal(answer.headers['cache-control'], 'no-store')
})

t.test('asking quietly does not count as use', async t => {
  const { ask } = await setUp(t, async tokens => tokens, 12 * hour)
  t.notOk((await ask('/quietly')).headers['set-cookie'])
  t.ok((await ask('/token')).headers['set-cookie'])
})

t.test('only a refused token that is a minute old is replaced', async t => {
  const asked: unknown[] = []
  const renew: Refresher['renew'] = async (_tokens, replaced) => {
    asked.push(replaced)
    return second
  }
  t.equal((await (await setUp(t, renew, 59_999)).ask('/replace')).body, 'none')
  t.same(asked, [])
  t.equal((await (await setUp(t, renew, 60_000)).ask('/replace')).body, 'two')
  t.same(asked, ['one'])
  t.equal((await (await setUp(t, renew, -1)).ask('/replace')).body, 'two', 'a clock that was set back makes none young')
})

t.test('a refused login ends the session, and takes no cookie away that the browser may have got meanwhile', async t => {
  const { ask, ended, session } = await setUp(t, async () => { throw new TokenFailure('refused', { status: 401 }) }, 0)
  const answer = await ask('/token')
  t.match(answer, { statusCode: 401, body: 'GW-NO-SESSION' })
  t.equal(answer.headers['set-cookie'], undefined)
  t.ok(ended.has(session.id))
})

t.test('tokens that came for a session which has ended meanwhile are given back, and no cookie is set', async t => {
  let ended: () => void = () => {}
  const stage = await setUp(t, async () => {
    ended()
    return second
  }, 0)
  ended = () => { stage.ended.end(stage.session.id) }
  const answer = await stage.ask('/token')
  t.match(answer, { statusCode: 401, body: 'GW-NO-SESSION' })
  t.notOk(answer.headers['set-cookie'])
  t.same(stage.discarded, [second])
})

t.test('renewed tokens that fit into no cookies are an error that says so', async t => {
  const { ask } = await setUp(t, async () => ({ ...second, accessToken: 'x'.repeat(16_000) }), 0)
  const answer = await ask('/token')
  t.match(answer, { statusCode: 502, body: 'GW-SESSION-TOO-LARGE' })
  t.notOk(answer.headers['set-cookie'])
})

t.test('a tenant that limits or is down leaves the session alone and says when to come back', async t => {
  for (const [kind, code] of [['limited', 'GW-TOKEN-LIMIT'], ['client', 'GW-CLIENT-REFUSED'], ['unavailable', 'GW-TENANT-BUSY']] as const) {
    for (const retryAfterSeconds of [undefined, 9]) {
      const { ask } = await setUp(t, async () => { throw new TokenFailure(kind, { retryAfterSeconds }) }, 0)
      const answer = await ask('/token')
      t.match(answer, { statusCode: 503, body: code, headers: { 'retry-after': String(retryAfterSeconds ?? 1) } })
      t.notOk(answer.headers['set-cookie'])
    }
  }
})

t.test('tokens of another user end the session, and are given back', async t => {
  const jwt = (sub: string) => `h.${Buffer.from(JSON.stringify({ sub })).toString('base64url')}.s`
  const calls: string[] = []
  const { origin: tenant } = await serveHttp(t, (request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => { body += chunk.toString() })
    request.on('end', () => {
      calls.push(`${request.url} ${new URLSearchParams(body).get('refresh_token') ?? new URLSearchParams(body).get('token')}`)
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ access_token: jwt('bob'), refresh_token: 'of-bob', token_type: 'bearer', expires_in: 3600 }))
    })
  })
  const { origin } = await startGateway(t, { tenant: tenantAt(tenant) })
  const fresh = freshSession()
  const cookie = await cookieOf(
    { ...fresh, grant: { ...fresh.grant, accessToken: jwt('alice'), refreshToken: 'of-alice', endsAt: Date.now() } },
    tenantAt(tenant)
  )
  const answer = await fetch(`${origin}/api/v1/items`, { headers: { cookie } })
  t.equal(answer.status, 401)
  t.match(await answer.text(), 'GW-NO-SESSION')
  await until(() => calls.length === 2)
  t.same(calls, ['/oauth/token of-alice', '/oauth/revoke of-bob'])
})
