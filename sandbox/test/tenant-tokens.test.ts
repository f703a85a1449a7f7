import { decodeProtectedHeader } from 'jose'
import * as oauth from 'oauth4webapi'
import t from 'tap'
import { alice, bob } from '../identities.js'
import { startTenant } from '../tenant.js'
import { until } from '../../test/helpers/log.js'
import {
  authorize,
  buildAuthorization,
  callApi,
  callToken,
  callbackUri,
  exchangeCode,
  obtainTokens,
  type Tokens
} from '../../test/helpers/oauth-login.js'

interface Refused { errors: { code: string, title: string, detail: string, status: string }[], traceId: string }

t.test('the token endpoint of the sandbox tenant', async t => {
  const lines: string[] = []
  const tenant = await startTenant({ redirectUris: [callbackUri], log: line => { lines.push(line) } })
  t.teardown(async () => { await tenant.close() })
  t.afterEach(() => {
    tenant.controls.clear()
    for (const { id } of [alice, bob]) tenant.controls.revokeAll(id)
  })
  const refresh = async (token = ''): Promise<Response> => await callToken(tenant, { grant_type: 'refresh_token', refresh_token: token })
  const refused = async (response: Response, status: number, code?: string): Promise<void> => {
    t.equal(response.status, status)
    const { errors: [error], traceId } = await response.json() as Refused
    t.equal(error?.status, String(status))
    if (code) t.equal(error?.code, code)
    t.ok(error?.title && error.detail && traceId)
  }

  t.test('answers what a tenant answers, and no id_token', async t => {
    const tokens = await obtainTokens(tenant, alice)
    t.same(Object.keys(tokens).sort(), ['access_token', 'expires_at', 'expires_in', 'refresh_token', 'scope', 'token_type'])
    t.equal(tokens.token_type, 'Bearer')
    t.equal(tokens.scope, 'user_default offline_access')
    t.equal(tokens.expires_in, 21600)
    t.ok(Math.abs(Date.parse(tokens.expires_at ?? '') - Date.now() - 21_600_000) < 60_000)
    t.ok(tokens.access_token.length > 500 && tokens.access_token.length < 1024, `${tokens.access_token.length} bytes`)
    t.equal(decodeProtectedHeader(tokens.access_token).alg, 'ES384')
  })

  t.test('can be used with oauth4webapi and the tenant\'s metadata', async t => {
    const issuer = new URL(tenant.origin)
    const insecure = { [oauth.allowInsecureRequests]: true }
    const response = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure })
    const as = await oauth.processDiscoveryResponse(issuer, response)
    t.notOk(as.userinfo_endpoint)
    const client = { client_id: tenant.client.id }
    const { callback, verifier } = await authorize(tenant, alice)
    const parameters = oauth.validateAuthResponse(as, client, callback, 'state-of-the-test')
    const answer = await oauth.authorizationCodeGrantRequest(
      as,
      client,
      oauth.ClientSecretPost(tenant.client.secret),
      parameters,
      callbackUri,
      verifier,
      insecure
    )
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer)
    const again = await oauth.refreshTokenGrantRequest(
      as,
      client,
      oauth.ClientSecretBasic(tenant.client.secret),
      tokens.refresh_token ?? '',
      insecure
    )
    t.ok((await oauth.processRefreshTokenResponse(as, client, again)).access_token)
    t.match(tenant.controls.grants, { authorization_code: 1, refresh_token: 1 })
    const dead = await oauth.refreshTokenGrantRequest(
      as,
      client,
      oauth.ClientSecretPost(tenant.client.secret),
      tokens.refresh_token ?? '',
      insecure
    )
    await t.rejects(oauth.processRefreshTokenResponse(as, client, dead), { code: 'OAUTH_RESPONSE_IS_NOT_CONFORM' })
  })

  t.test('takes JSON as it takes a form', async t => {
    const { callback, verifier } = await authorize(tenant, alice)
    const response = await fetch(`${tenant.origin}/oauth/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        grant_type: 'authorization_code',
        code: callback.searchParams.get('code'),
        redirect_uri: callbackUri,
        code_verifier: verifier,
        client_id: tenant.client.id,
        client_secret: tenant.client.secret
      })
    })
    t.equal(response.status, 200)
  })

  t.test('gives a refresh token only for offline_access', async t => {
    t.notOk((await obtainTokens(tenant, alice, { scope: 'user_default' })).refresh_token)
  })

  t.test('rotates refresh tokens; a used one ends the whole grant', async t => {
    const first = await obtainTokens(tenant, alice)
    const second = await (await refresh(first.refresh_token)).json() as Tokens
    t.not(second.refresh_token, first.refresh_token)
    const third = await (await refresh(second.refresh_token)).json() as Tokens
    t.equal((await callApi(tenant, third.access_token, '/api/v1/users/me')).status, 200)
    await refused(await refresh(first.refresh_token), 401)
    await refused(await refresh(third.refresh_token), 401)
    for (const { access_token: token } of [first, second, third]) t.equal((await callApi(tenant, token, '/api/v1/users/me')).status, 401)
  })

  t.test('of simultaneous refreshes with one token exactly one succeeds, and the grant is dead', async t => {
    const { refresh_token: token } = await obtainTokens(tenant, alice)
    const answers = await Promise.all([1, 2, 3, 4].map(async () => await refresh(token)))
    t.same(answers.map(({ status }) => status).sort(), [200, 401, 401, 401])
    const winner = await answers.find(({ status }) => status === 200)?.json() as Tokens
    await refused(await refresh(winner.refresh_token), 401)
    t.equal(tenant.controls.liveTokens(alice.id), 0)
  })

  t.test('keeps refresh tokens when rotation is switched off', async t => {
    tenant.controls.set({ rotateRefreshTokens: false })
    const { refresh_token: token } = await obtainTokens(tenant, alice)
    for (let count = 0; count < 2; count++) t.equal((await (await refresh(token)).json() as Tokens).refresh_token, token)
  })

  t.test('keeps two logins of one browser apart', async t => {
    const first = await obtainTokens(tenant, alice)
    const second = await obtainTokens(tenant, alice)
    await callToken(tenant, { token: first.refresh_token ?? '' }, '/oauth/revoke')
    await refused(await refresh(first.refresh_token), 401)
    t.equal((await refresh(second.refresh_token)).status, 200)
  })

  t.test('answers 401 for a used code, whose tokens end, and for a wrong secret', async t => {
    const login = await authorize(tenant, alice)
    const tokens = await (await exchangeCode(tenant, login)).json() as Tokens
    await refused(await exchangeCode(tenant, login), 401)
    t.equal((await callApi(tenant, tokens.access_token, '/api/v1/users/me')).status, 401)
    await refused(await callToken(tenant, { grant_type: 'refresh_token', refresh_token: 'x', client_secret: 'wrong' }), 401, 'OAUTH-22')
    await refused(await callToken(tenant, { grant_type: 'refresh_token', refresh_token: 'x', client_id: 'nobody' }), 401, 'OAUTH-14')
  })

  t.test('answers 400 for parameters that do not fit', async t => {
    await refused(await exchangeCode(tenant, { ...await authorize(tenant, alice), verifier: 'v'.repeat(43) }), 400)
    await refused(await callToken(tenant, { grant_type: 'authorization_code' }), 400)
    await refused(await callToken(tenant, { grant_type: 'password' }), 400)
    const post = async (type: string, body: string): Promise<Response> =>
      await fetch(`${tenant.origin}/oauth/token`, { method: 'POST', headers: { 'content-type': type }, body })
    for (const body of ['{', '[]', '{"code":1}', 'null']) await refused(await post('application/json', body), 400)
    await refused(await post('text/plain', 'x'), 400)
    await refused(await post('application/x-www-form-urlencoded', 'code=1&code=2'), 400)
    await refused(await post('application/json', JSON.stringify({ code: 'x'.repeat(70_000) })), 400)
  })

  t.test('answers 403 at the cap of tokens until one is revoked, and for a disabled user', async t => {
    tenant.controls.set({ maximalTokensPerUser: 1 })
    const tokens = await obtainTokens(tenant, alice)
    await refused(await exchangeCode(tenant, await authorize(tenant, alice)), 403)
    t.equal((await callToken(tenant, { token: tokens.refresh_token ?? '' }, '/oauth/revoke')).status, 200)
    const { refresh_token: token, access_token: access } = await obtainTokens(tenant, alice)
    tenant.controls.disableUser(alice.id)
    await refused(await refresh(token), 403)
    await refused(await callApi(tenant, access, '/api/v1/users/me'), 403)
    tenant.controls.enableUser(alice.id)
    t.equal((await refresh(token)).status, 200)
  })

  t.test('answers 429 with Retry-After beyond the rate', async t => {
    tenant.controls.set({ tokenCallsPerMinute: 1 })
    await refresh('x')
    const response = await refresh('x')
    t.ok(Number(response.headers.get('retry-after')) > 0)
    await refused(response, 429)
  })

  t.test('refuses an Origin that is not registered with the client', async t => {
    const call = async (path: string): Promise<Response> =>
      await fetch(tenant.origin + path, {
        method: 'POST',
        headers: { origin: 'https://app.example' },
        body: new URLSearchParams({
          client_id: tenant.client.id,
          client_secret: tenant.client.secret,
          grant_type: 'refresh_token',
          refresh_token: 'x',
          token: 'x'
        })
      })
    for (const path of ['/oauth/token', '/oauth/revoke']) await refused(await call(path), 403, 'OAUTH-29')
    const { access_token: token } = await obtainTokens(tenant, alice)
    await refused(await callApi(tenant, token, '/api/v1/items', { headers: { origin: 'https://app.example' } }), 403, 'OAUTH-29')
    tenant.controls.setClient({ allowedOrigins: ['https://app.example'] })
    t.teardown(() => { tenant.controls.setClient({ allowedOrigins: [] }) })
    await refused(await call('/oauth/token'), 401)
    t.equal((await call('/oauth/revoke')).status, 200)
  })

  t.test('ends the grant of a revoked access token, and says so of a bad call', async t => {
    const { access_token: token, refresh_token: refreshToken } = await obtainTokens(tenant, alice)
    await refused(await callToken(tenant, { token, client_secret: 'wrong' }, '/oauth/revoke'), 401)
    t.equal((await callToken(tenant, { token }, '/oauth/revoke')).status, 200)
    t.equal((await callApi(tenant, token, '/api/v1/users/me')).status, 401)
    await refused(await refresh(refreshToken), 401, 'OAUTH-5')
    await refused(await callToken(tenant, {}, '/oauth/revoke'), 400)
    t.equal(tenant.controls.grants.revoke, 1)
  })

  t.test('a revocation takes only the fields that it is told to take', async t => {
    const { refresh_token: token = '' } = await obtainTokens(tenant, alice)
    const basic = `Basic ${Buffer.from(`${tenant.client.id}:${tenant.client.secret}`).toString('base64')}`
    const revoke = async (fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> => {
      return await fetch(`${tenant.origin}/oauth/revoke`, { method: 'POST', headers, body: new URLSearchParams(fields) })
    }
    const credentials = { client_id: tenant.client.id, client_secret: tenant.client.secret }
    tenant.controls.set({ revocationFields: 'credentials' })
    await refused(await revoke({ token, ...credentials, token_type_hint: 'refresh_token' }), 400)
    t.equal(tenant.controls.liveTokens(alice.id), 1)
    t.equal((await revoke({ token, ...credentials })).status, 200)
    tenant.controls.set({ revocationFields: 'hint' })
    await refused(await revoke({ token, ...credentials }), 400)
    t.equal((await revoke({ token, token_type_hint: 'refresh_token' }, { authorization: basic })).status, 200)
    t.equal(tenant.controls.liveTokens(alice.id), 0)
  })

  t.test('follows the settings: life, size and how the end is told', async t => {
    tenant.controls.set({ accessTokenSeconds: 1, accessTokenBytes: 4096, refreshTokenBytes: 1024, expiryStyle: 'expires_at' })
    const tokens = await obtainTokens(tenant, bob)
    t.ok(tokens.access_token.length >= 4096 && tokens.access_token.length < 4096 + 32, `${tokens.access_token.length} bytes`)
    t.equal(tokens.refresh_token?.length, 1024)
    t.equal(tokens.expires_in, undefined)
    t.ok(tokens.expires_at)
    await until(async () => (await callApi(tenant, tokens.access_token, '/api/v1/users/me')).status === 401)
    tenant.controls.set({ expiryStyle: 'expires_in' })
    t.match(await obtainTokens(tenant, bob), { expires_in: 1, expires_at: undefined })
    tenant.controls.set({ expiryStyle: 'none' })
    t.match(await obtainTokens(tenant, bob), { expires_in: undefined, expires_at: undefined })
    t.throws(() => { tenant.controls.set({ nothing: 1 } as never) }, /There is no setting "nothing"/)
    t.throws(() => { tenant.controls.set({ accessTokenSeconds: '1' } as never) }, /takes a number/)
    t.throws(() => { tenant.controls.set({ unknownUserStatus: 500 } as never) }, /takes one of 400, 403, 404/)
  })

  t.test('ends what the controls end: access tokens alone, or all of a user', async t => {
    const tokens = await obtainTokens(tenant, alice)
    tenant.controls.endAccessTokens()
    t.equal((await callApi(tenant, tokens.access_token, '/api/v1/users/me')).status, 401)
    const next = await (await refresh(tokens.refresh_token)).json() as Tokens
    t.equal((await callApi(tenant, next.access_token, '/api/v1/users/me')).status, 200)
    tenant.controls.revokeAll(alice.id)
    t.equal((await callApi(tenant, next.access_token, '/api/v1/users/me')).status, 401)
    await refused(await refresh(next.refresh_token), 401)
  })

  t.test('the authorization endpoint answers 400 in JSON before it knows where to redirect, later errors go on the redirect', async t => {
    const ask = async (changes: Record<string, string | undefined>): Promise<Response> =>
      await fetch(buildAuthorization(tenant, changes).url, { redirect: 'manual', headers: { accept: 'text/html' } })
    const spoilt = { state: undefined, response_type: 'token', scope: 'unknown', code_challenge: undefined }
    const wrongRedirect = await ask({ ...spoilt, redirect_uri: 'http://localhost:4000/login/callback' })
    t.equal(wrongRedirect.headers.get('access-control-allow-origin'), '*')
    t.equal((await wrongRedirect.clone().json() as Refused).errors[0]?.title, 'Invalid redirect_uri')
    await refused(wrongRedirect, 400, 'OAUTH-1')
    const wrongClient = await ask({ ...spoilt, client_id: 'nobody' })
    t.equal((await wrongClient.clone().json() as Refused).errors[0]?.title, 'Invalid client_id')
    await refused(wrongClient, 400, 'OAUTH-14')
    await refused(await ask({ state: undefined }), 400)
    for (const [changes, error] of [
      [{ scope: 'user_default unknown' }, 'invalid_scope'],
      [{ code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
      [{ code_challenge_method: 'plain' }, 'invalid_request'],
      [{ prompt: 'none' }, 'login_required']
    ] as const) {
      const location = new URL((await ask(changes)).headers.get('location') ?? '')
      t.equal(location.origin + location.pathname, callbackUri)
      t.equal(location.searchParams.get('error'), error)
      t.ok(location.searchParams.get('error_code') && location.searchParams.get('error_detail'))
      t.equal(location.searchParams.get('state'), 'state-of-the-test')
    }
  })

  t.test('registrations that a tenant refuses are refused', async t => {
    t.throws(() => { tenant.controls.setRedirectUris(['http://app.example/login/callback']) }, /takes https/)
    t.throws(() => { tenant.controls.setRedirectUris(['http://127.0.0.1:3000/login/callback']) }, /takes https/)
    t.throws(() => {
      tenant.controls.setRedirectUris(Array.from({ length: 6 }, (_none, index) => `https://app.example/${index}`))
    }, /5 redirect URIs/)
    t.throws(() => { tenant.controls.setRedirectUris([], 'nobody') }, /No OAuth client "nobody"/)
    tenant.controls.setRedirectUris([callbackUri, 'https://app.example/login/callback'])
    const response = await fetch(buildAuthorization(tenant, { redirect_uri: 'https://app.example/login/callback' }).url, {
      redirect: 'manual'
    })
    t.equal(response.status, 303)
  })

  t.same(lines, [], 'nothing was logged as an error')
})
