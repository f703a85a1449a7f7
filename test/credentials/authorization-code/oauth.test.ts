import type { ServerResponse } from 'node:http'
import * as oauth from 'oauth4webapi'
import t from 'tap'
import { alice } from '../../../sandbox/identities.js'
import { startTenant } from '../../../sandbox/tenant.js'
import { createSignals, type RefusalSource, type Signals } from '../../../src/signals.js'
import { readRetryAfter } from '../../../src/credentials/token-failure.js'
import { createTenantOAuth } from '../../../src/credentials/authorization-code/oauth.js'
import { ClientAuthentication } from '../../../src/credentials/client-authentication.js'
import { createBrowser, login } from '../../helpers/browser-jar.js'
import { failureOf } from '../../helpers/failure.js'
import { serveHttp } from '../../helpers/servers.js'

const now = () => Date.parse('2026-01-01T00:00:00Z')
const tokens = { accessToken: 'a', refreshToken: 'r', grantedAt: 0, endsAt: 0, generation: 3 }
const redirectUri = 'http://localhost:3999/login/callback'

function oauthAt (origin: string, more: { timeoutMs?: number, now?: () => number, signals?: Signals } = {}) {
  return createTenantOAuth({
    tenantUrl: new URL(origin),
    issuer: origin,
    clientId: 'id',
    authentication: new ClientAuthentication({ secret: 'secret' }, `${origin}/oauth/token`),
    redirectUri,
    scopes: ['user_default', 'offline_access'],
    fetch,
    now,
    // A busy machine is no silent tenant.
    timeoutMs: 60_000,
    ...more
  })
}

/** A token endpoint that answers as told. */
async function endpoint (t: Parameters<typeof serveHttp>[0], answer: (response: ServerResponse) => void) {
  const bodies: string[] = []
  const { origin } = await serveHttp(t, (request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => { body += chunk.toString() })
    request.on('end', () => {
      bodies.push(`${request.method} ${request.url} ${body}`)
      answer(response)
    })
  })
  return { origin, bodies }
}

function json (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

t.test('the authorization request carries state, PKCE by S256 and the scopes, fresh each time', async t => {
  const tenant = oauthAt('https://tenant.example')
  const [one, two] = await Promise.all([tenant.authorize('.one'), tenant.authorize('.two')])
  t.equal(one.url.origin + one.url.pathname, 'https://tenant.example/oauth/authorize')
  t.same(Object.fromEntries(one.url.searchParams), {
    response_type: 'code',
    client_id: 'id',
    redirect_uri: redirectUri,
    scope: 'user_default offline_access',
    state: one.state,
    code_challenge: await oauth.calculatePKCECodeChallenge(one.codeVerifier),
    code_challenge_method: 'S256'
  })
  t.not(one.state, two.state)
  t.not(one.codeVerifier, two.codeVerifier)
})

t.test('a real authorization server exchanges, rotates and revokes', async t => {
  const sandbox = await startTenant({ redirectUris: [redirectUri] })
  t.teardown(async () => { await sandbox.close() })
  const tenant = createTenantOAuth({
    tenantUrl: new URL(sandbox.origin),
    issuer: sandbox.origin,
    clientId: sandbox.client.id,
    authentication: new ClientAuthentication({ secret: sandbox.client.secret }, `${sandbox.origin}/oauth/token`),
    redirectUri,
    scopes: ['user_default', 'offline_access'],
    fetch,
    now: Date.now
  })
  const { url, state, codeVerifier } = await tenant.authorize('')
  const back = await login(createBrowser({ stopAt: next => next.href.startsWith(redirectUri) }), url, alice)
  const callback = new URL(back.headers.get('location') ?? '')
  const first = await tenant.exchange(tenant.judgeCallback(callback.searchParams, state), codeVerifier)
  t.match(first, { generation: 0, refreshToken: String, accessToken: String })
  t.equal(first.endsAt - first.grantedAt, 21_600_000)
  const second = await tenant.refresh({ ...first, refreshToken: first.refreshToken ?? '' })
  t.equal(second.generation, 1)
  t.not(second.refreshToken, first.refreshToken)
  t.equal(sandbox.controls.liveTokens(alice.id), 1)
  await tenant.revoke(second.refreshToken)
  t.equal(sandbox.controls.liveTokens(alice.id), 0)
  t.match(await failureOf(tenant.refresh(second)), { kind: 'refused', status: 401 })
})

t.test('the life of a token is read from expires_in, else from expires_at, else assumed to be five minutes', async t => {
  const cases: [Record<string, unknown>, number][] = [
    [{ expires_in: 21600 }, 21_600_000],
    [{ expires_in: '60' }, 60_000],
    [{ expires_in: 60, expires_at: '2026-01-01T06:00:00Z' }, 60_000],
    [{ expires_at: '2026-01-01T06:00:00Z' }, 21_600_000],
    [{ expires_at: '2020-01-01T00:00:00Z' }, 300_000],
    [{ expires_at: 'soon' }, 300_000],
    [{ expires_at: 1 }, 300_000],
    [{}, 300_000]
  ]
  let answer = {}
  const { origin } = await endpoint(t, response => { json(response, 200, { access_token: 'b', token_type: 'Bearer', ...answer }) })
  for (const [life, expected] of cases) {
    answer = life
    const next = await oauthAt(origin).refresh(tokens)
    t.equal(next.endsAt - next.grantedAt, expected, JSON.stringify(life))
  }
})

t.test('an answer without a refresh token keeps the old one', async t => {
  const { origin, bodies } = await endpoint(t, response => { json(response, 200, { access_token: 'b', token_type: 'bearer', scope: 'x' }) })
  t.match(await oauthAt(origin).refresh(tokens), { accessToken: 'b', refreshToken: 'r', generation: 4 })
  t.same(bodies, ['POST /oauth/token refresh_token=r&grant_type=refresh_token&client_id=id&client_secret=secret'])
})

t.test('an answer that refuses is sorted by whose word it is and what it speaks of', async t => {
  const qlik = (code: string, title = 'x') => ({ errors: [{ code, title, status: '401' }], traceId: 'x' })
  const cases: [number, unknown, object, RefusalSource?][] = [
    [400, { error: 'invalid_grant' }, { kind: 'refused', tenantCode: 'invalid_grant' }, 'token'],
    [401, qlik('OAUTH-5'),
      { kind: 'refused', tenantCode: 'OAUTH-5', message: 'The token endpoint refused the grant (401, OAUTH-5)' }, 'token'],
    [400, { errors: [{ title: 'Bad' }] }, { kind: 'refused', tenantCode: undefined }, 'token'],
    [401, { error: 'invalid_client' }, { kind: 'client', tenantCode: 'invalid_client' }, 'client'],
    [400, { error: 'unauthorized_client' }, { kind: 'client' }, 'client'],
    [401, qlik('OAUTH-14', 'Invalid client_id'),
      { kind: 'client', message: 'The token endpoint does not accept the OAuth client (401, OAUTH-14)' }, 'client'],
    [401, qlik('OAUTH-22'), { kind: 'client' }, 'client'],
    [401, qlik('OAUTH-99', 'The client is unknown'), { kind: 'client' }, 'client'],
    [403, { error: 'unauthorized_client' }, { kind: 'client' }, 'client'],
    [403, qlik('OAUTH-9'), { kind: 'limited' }, 'token'],
    [403, { error: 'access_denied' }, { kind: 'unavailable' }],
    [400, { error: 'temporarily_unavailable' }, { kind: 'unavailable' }],
    [403, '<h1>Blocked</h1>', { kind: 'unavailable', tenantCode: undefined }, 'intermediary'],
    [400, '<h1>Bad request</h1>', { kind: 'unavailable' }, 'intermediary'],
    [401, { message: 'Unauthorized' }, { kind: 'unavailable' }, 'intermediary'],
    [401, { errors: [] }, { kind: 'unavailable' }, 'intermediary'],
    [401, { errors: [null] }, { kind: 'unavailable' }, 'intermediary'],
    ...[404, 405, 410, 413, 425, 431, 451].map((status): typeof cases[number] => [
      status, '<h1>no</h1>', { kind: 'unavailable' }, 'intermediary'
    ]),
    ...[404, 408, 429, 500].map((status): typeof cases[number] => [status, qlik('OAUTH-5'), { kind: 'unavailable' }]),
    ...[408, 429, 500, 503].map((status): typeof cases[number] => [status, '<h1>no</h1>', { kind: 'unavailable' }]),
    [500, { errors: [{ code: '<script>' }] }, { kind: 'unavailable', tenantCode: undefined }],
    [302, '', { kind: 'unavailable' }, 'intermediary']
  ]
  let next = cases[0] as typeof cases[number]
  const { origin, bodies } = await endpoint(t, response => {
    const [status, body] = next
    if (typeof body === 'string') response.writeHead(status, { 'content-type': 'text/html', location: 'https://evil.example/' }).end(body)
    else json(response, status, body)
  })
  const signals = createSignals()
  const told: [RefusalSource, unknown][] = []
  signals.on('tokenRefused', (by, failure) => { told.push([by, failure]) })
  for (next of cases) {
    const [status, body, expected, by] = next
    const failure = await failureOf(oauthAt(origin, { signals }).refresh(tokens))
    const signalled = by === undefined ? [] : [[by, failure]]
    t.match([failure, ...told.splice(0)], [{ status, ...expected }, ...signalled], `${status} ${JSON.stringify(body)}`)
  }
  t.equal(bodies.length, cases.length, 'nothing is tried twice, no redirect followed')
  t.match(await failureOf(oauthAt(origin).revoke('r')), { kind: 'unavailable' })
})

t.test('of a good answer only the access token is needed', async t => {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const notForUs = `${encode({ alg: 'RS256' })}.${encode({ iss: 'https://elsewhere.example', iat: 9_999_999_999 })}.x`
  const cases: Record<string, unknown>[] = [
    {},
    { scope: null, id_token: null, expires_in: null, refresh_token: null, token_type: null, expires_at: null },
    { scope: 7, id_token: {}, expires_in: 'soon', refresh_token: '', token_type: 'mac', expires_at: {} },
    { scope: ['x'], id_token: notForUs, expires_in: 0, refresh_token: ['x'], token_type: {}, expires_at: [] },
    { id_token: '', expires_in: -1, refresh_token: 'line\nbreak' },
    { expires_in: '0.5', expires_at: '2026-01-01T00:00:00Z' }
  ]
  let answer = {}
  const { origin } = await endpoint(t, response => { json(response, 200, { access_token: 'b', ...answer }) })
  for (answer of cases) {
    const next = { accessToken: 'b', refreshToken: 'r', grantedAt: now(), endsAt: now() + 300_000, generation: 4 }
    t.same(await oauthAt(origin).refresh(tokens), next, JSON.stringify(answer))
    t.match(await oauthAt(origin).exchange(oauthAt(origin).judgeCallback(new URLSearchParams('code=c&state=s'), 's'), 'v'.repeat(43)), {
      accessToken: 'b',
      generation: 0
    })
  }
})

t.test('an answer that is none counts as an unavailable tenant', async t => {
  const cases: [string, (response: ServerResponse) => void][] = [
    ['no JSON', response => { response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>maintenance</h1>') }],
    ['nothing', response => { json(response, 200, null) }],
    ['no token', response => { json(response, 200, { token_type: 'bearer' }) }],
    ['a token that no header can carry', response => { json(response, 200, { access_token: 'a\nb' }) }],
    ['cut',
      response => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{')
        setImmediate(() => response.destroy())
      }],
    ['reset', response => { response.destroy() }],
    ['a refusal that is cut',
      response => { response.writeHead(401, { 'content-length': '100' }).write('{'); setImmediate(() => response.destroy()) }],
    ['silence', () => {}],
    ['a body that never ends', response => { response.writeHead(200, { 'content-type': 'application/json' }).write('{') }]
  ]
  let answer: (response: ServerResponse) => void = () => {}
  const { origin } = await endpoint(t, response => { answer(response) })
  for (const [title, next] of cases) {
    answer = next
    t.match(await failureOf(oauthAt(origin, { timeoutMs: 300 }).refresh(tokens)), { kind: 'unavailable' }, title)
  }
  t.match(
    await failureOf(oauthAt('http://127.0.0.1:1').refresh(tokens)),
    { kind: 'unavailable', message: 'The token endpoint gave no usable answer (no answer)' },
    'nobody there'
  )
})

t.test('the time that the tenant asks for is told, five minutes at most', async t => {
  let retryAfter = '7'
  const { origin } = await endpoint(t, response => { json(response, 429, {}, { 'retry-after': retryAfter }) })
  t.match(await failureOf(oauthAt(origin).refresh(tokens)), { kind: 'unavailable', status: 429, retryAfterSeconds: 7 })
  retryAfter = '86400'
  t.match(await failureOf(oauthAt(origin).refresh(tokens)), { retryAfterSeconds: 300 })
})

t.test('a revocation sends what is documented, tries the other form once where that is refused, and keeps to what worked', async t => {
  for (const [accepts, first, later] of [
    [() => true, ['hint'], ['hint']],
    [(body: string) => body.includes('client_secret'), ['hint', 'body'], ['body']]
  ] as const) {
    const forms: string[] = []
    const { origin } = await serveHttp(t, (request, response) => {
      request.setEncoding('utf8').on('data', (body: string) => {
        forms.push(body.includes('client_secret') ? 'body' : 'hint')
        const expected = body.includes('client_secret')
          ? 'client_id=id&client_secret=secret&token=r'
          : 'token_type_hint=refresh_token&token=r'
        t.same(Object.fromEntries(new URLSearchParams(body)), Object.fromEntries(new URLSearchParams(expected)))
        t.equal(request.headers.authorization === undefined, body.includes('client_secret'))
        json(response, accepts(body) ? 200 : 400, { errors: [{ code: 'x' }] })
      })
    })
    const tenant = oauthAt(origin)
    await tenant.revoke('r')
    t.same(forms.splice(0), first)
    await tenant.revoke('r')
    t.same(forms, later)
  }
  const { origin, bodies } = await endpoint(t, response => { json(response, 400, { error: 'invalid_request' }) })
  t.match(await failureOf(oauthAt(origin).revoke('r')), { kind: 'refused' })
  t.equal(bodies.length, 2)
})

t.test('a page in the place of the tenant is no word of it, even with a good status', async t => {
  const { origin } = await endpoint(t, response => {
    response.setHeader('content-type', 'Text/HTML; charset=utf-8').end('<p>Maintenance</p>')
  })
  t.match(await failureOf(oauthAt(origin).revoke('r')), { kind: 'unavailable', status: 200 }, 'it revoked nothing')
  t.match(await failureOf(oauthAt(origin).refresh(tokens)), { kind: 'unavailable', status: 200 })
})

t.test('Retry-After is read in both of its forms', async t => {
  t.equal(readRetryAfter(null, now()), undefined)
  t.equal(readRetryAfter('12', now()), 12)
  t.equal(readRetryAfter('Thu, 01 Jan 2026 00:01:00 GMT', now()), 60)
  t.equal(readRetryAfter('Fri, 02 Jan 2026 00:00:00 GMT', now()), 300)
  t.equal(readRetryAfter('Wed, 31 Dec 2025 00:00:00 GMT', now()), 0)
  t.equal(readRetryAfter('later', now()), undefined)
})
