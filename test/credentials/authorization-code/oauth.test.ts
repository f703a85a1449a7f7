import type { ServerResponse } from 'node:http'
import * as oauth from 'oauth4webapi'
import t from 'tap'
import { alice } from '../../../sandbox/identities.js'
import { startTenant } from '../../../sandbox/tenant.js'
import { readRetryAfter } from '../../../src/credentials/token-failure.js'
import { createTenantOAuth } from '../../../src/credentials/authorization-code/oauth.js'
import { createBrowser, login } from '../../helpers/browser-jar.js'
import { failureOf } from '../../helpers/failure.js'
import { serveHttp } from '../../helpers/servers.js'

const now = () => Date.parse('2026-01-01T00:00:00Z')
const tokens = { accessToken: 'a', refreshToken: 'r', grantedAt: 0, endsAt: 0, generation: 3 }
const redirectUri = 'http://localhost:3999/login/callback'

function oauthAt (origin: string, more: { timeoutMs?: number, now?: () => number } = {}) {
  return createTenantOAuth({ tenantUrl: new URL(origin), issuer: origin, clientId: 'id', clientSecret: 'secret', redirectUri, scopes: ['user_default', 'offline_access'], fetch, now, ...more })
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
    tenantUrl: new URL(sandbox.origin), issuer: sandbox.origin, clientId: sandbox.client.id, clientSecret: sandbox.client.secret, redirectUri, scopes: ['user_default', 'offline_access'], fetch, now: Date.now
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

t.test('a failure is sorted by its status, whatever shape its body has', async t => {
  const qlik = { errors: [{ code: 'OAUTH-14', title: 'x', status: '401' }], traceId: 'x' }
  const cases: [number, unknown, Record<string, string>, object][] = [
    [400, { error: 'invalid_grant' }, {}, { kind: 'refused', status: 400, tenantCode: 'invalid_grant' }],
    [401, qlik, {}, { kind: 'refused', status: 401, tenantCode: 'OAUTH-14', message: 'The token endpoint refused the grant (401, OAUTH-14)' }],
    [404, [], {}, { kind: 'refused', status: 404, tenantCode: undefined }],
    [403, qlik, {}, { kind: 'limited', status: 403 }],
    [408, qlik, {}, { kind: 'unavailable', status: 408 }],
    [429, qlik, { 'retry-after': '7' }, { kind: 'unavailable', status: 429, retryAfterSeconds: 7 }],
    [500, { errors: [{ code: '<script>' }] }, {}, { kind: 'unavailable', status: 500, tenantCode: undefined }],
    [503, 'x', { 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' }, { kind: 'unavailable', status: 503, retryAfterSeconds: 30 }],
    [302, {}, { location: 'https://evil.example/' }, { kind: 'unavailable', status: 302 }]
  ]
  let next: typeof cases[number] = cases[0] as typeof cases[number]
  const { origin, bodies } = await endpoint(t, response => { json(response, next[0], next[1], next[2]) })
  for (next of cases) t.match(await failureOf(oauthAt(origin).refresh(tokens)), next[3], String(next[0]))
  t.equal(bodies.length, cases.length, 'nothing is tried twice, no redirect followed')
  t.match(await failureOf(oauthAt(origin).revoke('r')), { kind: 'unavailable' })
})

t.test('an answer that is none counts as an unavailable tenant', async t => {
  const cases: [string, (response: ServerResponse) => void][] = [
    ['no JSON', response => { response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>maintenance</h1>') }],
    ['no token', response => { json(response, 200, { token_type: 'bearer' }) }],
    ['another kind of token', response => { json(response, 200, { access_token: 'x', token_type: 'mac' }) }],
    ['cut', response => { response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{'); setImmediate(() => response.destroy()) }],
    ['reset', response => { response.destroy() }],
    ['an error without a body', response => { response.writeHead(500, { 'content-length': '100' }).write('{'); setImmediate(() => response.destroy()) }],
    ['silence', () => {}],
    ['a body that never ends', response => { response.writeHead(200, { 'content-type': 'application/json' }).write('{') }]
  ]
  let answer: (response: ServerResponse) => void = () => {}
  const { origin } = await endpoint(t, response => { answer(response) })
  for (const [title, next] of cases) {
    answer = next
    t.match(await failureOf(oauthAt(origin, { timeoutMs: 300 }).refresh(tokens)), { kind: 'unavailable' }, title)
  }
  t.match(await failureOf(oauthAt('http://127.0.0.1:1').refresh(tokens)), { kind: 'unavailable', message: 'The token endpoint gave no usable answer (no answer)' }, 'nobody there')
})

t.test('Retry-After is read in both of its forms', async t => {
  t.equal(readRetryAfter(null, now()), undefined)
  t.equal(readRetryAfter('12', now()), 12)
  t.equal(readRetryAfter('Thu, 01 Jan 2026 00:01:00 GMT', now()), 60)
  t.equal(readRetryAfter('Wed, 31 Dec 2025 00:00:00 GMT', now()), 0)
  t.equal(readRetryAfter('later', now()), undefined)
})
