import { randomUUID, type KeyObject } from 'node:crypto'
import { exportJWK, SignJWT, type JWK, type JWTPayload } from 'jose'
import t from 'tap'
import { createKeyPair } from '../key-pair.js'
import { impersonationGrant } from '../oauth/clients.js'
import { startTenant } from '../tenant.js'
import { callApi, callToken, callbackUri, obtainTokens } from '../../test/helpers/oauth-login.js'
import { alice } from '../identities.js'

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

async function makeKey (alg: string, kid: string): Promise<{ privateKey: KeyObject, publicKey: JWK }> {
  const { privateKey, publicKey } = createKeyPair(alg === 'ES384' ? 'P-384' : 2_048)
  return { privateKey, publicKey: { ...await exportJWK(publicKey), kid, alg, use: 'sig' } }
}

t.test('how clients of the sandbox tenant authenticate', async t => {
  const tenant = await startTenant({ redirectUris: [callbackUri] })
  t.teardown(async () => { await tenant.close() })
  const { controls, administrators, client } = tenant
  const [rs256, rs512, es384] = await Promise.all([makeKey('RS256', 'one'), makeKey('RS512', 'two'), makeKey('ES384', 'three')])
  const machine = 'machine'
  controls.addClient({
    clientId: machine,
    clientSecret: 'not used',
    redirectUris: [],
    grantTypes: ['client_credentials', impersonationGrant],
    scopes: ['admin_classic', 'user_default'],
    authMethods: ['private_key_jwt'],
    publicKeys: [rs256.publicKey, rs512.publicKey, es384.publicKey]
  })
  const now = (): number => Math.floor(Date.now() / 1000)
  const sign = async (
    changes: Record<string, unknown> = {},
    header = { alg: 'RS256', kid: 'one' },
    key = rs256.privateKey
  ): Promise<string> => {
    const claims = {
      iss: machine,
      sub: machine,
      aud: `${tenant.origin}/oauth/token`,
      jti: randomUUID(),
      iat: now(),
      exp: now() + 300,
      ...changes
    }
    // JSON has no undefined, so such claims are omitted.
    return await new SignJWT(JSON.parse(JSON.stringify(claims)) as JWTPayload).setProtectedHeader(header).sign(key)
  }
  const present = async (assertion: string, changes: Record<string, string> = {}): Promise<Response> =>
    await fetch(`${tenant.origin}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_assertion_type: assertionType,
        client_assertion: assertion,
        ...changes
      })
    })
  const codeOf = async (response: Response): Promise<string | undefined> =>
    ((await response.json()) as { errors: { code: string }[] }).errors[0]?.code

  t.test('an assertion by a registered key is taken, once', async t => {
    for (const [key, alg, kid] of [[rs256, 'RS256', 'one'], [rs512, 'RS512', 'two'], [es384, 'ES384', 'three']] as const) {
      const assertion = await sign({}, { alg, kid }, key.privateKey)
      const answer = await present(assertion)
      t.match(await answer.json(), { token_type: 'bearer', scope: 'admin_classic', expires_in: 21600 }, alg)
      const again = await present(assertion)
      t.equal(again.status, 401)
      t.equal(await codeOf(again), 'OAUTH-5')
    }
  })

  t.test('every other assertion is 401', async t => {
    const stranger = await makeKey('RS256', 'one')
    const wrong: Record<string, string> = {
      'another issuer': await sign({ iss: 'other' }),
      'a slash after the audience': await sign({ aud: `${tenant.origin}/oauth/token/` }),
      'the tenant as the audience': await sign({ aud: tenant.origin }),
      'several audiences': await sign({ aud: [`${tenant.origin}/oauth/token`] }),
      'a jti that is no UUID': await sign({ jti: 'x' }),
      'no jti': await sign({ jti: undefined }),
      'no iat': await sign({ iat: undefined }),
      'an iat in the future': await sign({ iat: now() + 120, exp: now() + 200 }),
      'no exp': await sign({ exp: undefined }),
      'an exp in the past': await sign({ iat: now() - 20, exp: now() - 1 }),
      'more than five minutes': await sign({ exp: now() + 302 }),
      'an unknown kid': await sign({}, { alg: 'RS256', kid: 'nine' }),
      'the algorithm of another key': await sign({}, { alg: 'RS512', kid: 'one' }, rs512.privateKey),
      'an algorithm that a tenant does not take': await sign({}, { alg: 'PS256', kid: 'one' }, (await makeKey('PS256', 'one')).privateKey),
      'the signature of a stranger': await sign({}, { alg: 'RS256', kid: 'one' }, stranger.privateKey)
    }
    for (const [title, assertion] of Object.entries(wrong)) {
      const answer = await present(assertion)
      t.same([answer.status, await codeOf(answer)], [401, 'OAUTH-5'], title)
    }
    t.equal((await present(await sign({ sub: 'other' }))).status, 401, 'another subject')
  })

  t.test('a client authenticates by one method, and by one that it may use', async t => {
    t.equal((await present('x')).status, 400)
    t.equal((await present(await sign(), { client_assertion_type: 'other' })).status, 400)
    t.equal((await present(await sign(), { client_id: 'other' })).status, 400)
    t.equal((await present(await sign(), { client_secret: 'x' })).status, 400)
    const secret = await callToken(tenant, { grant_type: 'client_credentials', client_id: machine, client_secret: 'not used' })
    t.same([secret.status, await codeOf(secret)], [401, 'OAUTH-5'])
  })

  t.test('a key serves every grant, and revocation', async t => {
    controls.setClient({ authMethods: ['private_key_jwt'], publicKeys: [rs256.publicKey] })
    t.teardown(() => { controls.setClient({ authMethods: ['client_secret_post', 'client_secret_basic'] }) })
    const { id } = client
    const withKey = async (): Promise<Record<string, string>> => ({
      client_assertion_type: assertionType,
      client_assertion: await sign({ iss: id, sub: id })
    })
    controls.setClient({ authMethods: ['private_key_jwt', 'client_secret_post'] })
    const { refresh_token: token = '' } = await obtainTokens(tenant, alice)
    const refreshed = await present('', { ...await withKey(), grant_type: 'refresh_token', refresh_token: token })
    t.equal(refreshed.status, 200)
    const { refresh_token: next = '' } = await refreshed.json() as { refresh_token?: string }
    const revoked = await fetch(`${tenant.origin}/oauth/revoke`, {
      method: 'POST',
      body: new URLSearchParams({ ...await withKey(), token: next })
    })
    t.equal(revoked.status, 200)
    t.equal(controls.liveTokens(alice.id), 0)
  })

  t.test('a machine-to-machine client administers the tenant while its token lives, with the scope admin_classic alone', async t => {
    const credentials = {
      client_id: administrators.client.id,
      client_secret: administrators.client.secret,
      grant_type: 'client_credentials'
    }
    const granted = await callToken(tenant, { ...credentials, scope: 'admin_classic' })
    const { access_token: token } = await granted.json() as { access_token: string }
    t.equal((await callApi(tenant, token, '/api/v1/oauth-clients')).status, 200)
    controls.endAccessTokens()
    t.equal((await callApi(tenant, token, '/api/v1/oauth-clients')).status, 401)
    t.equal((await callApi(tenant, administrators.apiKey, '/api/v1/oauth-clients')).status, 200)
    t.equal((await callToken(tenant, { ...credentials, scope: 'user_default' })).status, 400)
    t.equal((await callToken(tenant, { grant_type: 'client_credentials' })).status, 400, 'a client without the grant')
    controls.setClient({ scopes: ['user_default'] }, machine)
    t.equal((await present(await sign())).status, 400, 'a client without the scope')
  })

  t.test('administrators register, change, publish and delete clients', async t => {
    const call = async (method: string, path: string, body?: unknown): Promise<Response> =>
      await callApi(tenant, administrators.apiKey, `/api/v1/oauth-clients${path}`, {
        method, ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
      })
    const created = await call('POST', '', {
      appType: 'web',
      clientName: 'Portal',
      allowedScopes: ['user_default'],
      allowedGrantTypes: [impersonationGrant],
      allowedAuthMethods: ['private_key_jwt'],
      publicKeys: [rs256.publicKey],
      connectionConfig: { consentMethod: 'trusted' }
    })
    t.equal(created.status, 201)
    const { clientId } = await created.json() as { clientId: string }
    t.match(await (await call('GET', `/${clientId}`)).json(), {
      allowedGrantTypes: [impersonationGrant],
      allowedAuthMethods: ['private_key_jwt'],
      publicKeys: [{ kid: 'one' }],
      publishedAt: null
    })
    const replace = async (path: string, value: unknown): Promise<number> =>
      (await call('PATCH', `/${clientId}`, [{ op: 'replace', path, value }])).status
    t.equal(await replace('/publicKeys', [rs512.publicKey]), 204)
    t.equal(await replace('/allowedAuthMethods', ['client_secret_post']), 204)
    t.equal(await replace('/allowedGrantTypes', ['client_credentials']), 204)
    const { publicKey: smallKey } = createKeyPair(1024)
    for (const [path, value] of [
      ['/allowedGrantTypes', ['password']],
      ['/allowedGrantTypes', 'client_credentials'],
      ['/allowedAuthMethods', []],
      ['/publicKeys', [{ ...rs256.publicKey, kid: undefined }]],
      ['/publicKeys', [{ ...rs256.publicKey, alg: 'ES384' }]],
      ['/publicKeys', [{ ...rs256.publicKey, alg: 'PS256' }]],
      ['/publicKeys', [{ ...await exportJWK(rs256.privateKey), kid: 'one', alg: 'RS256', use: 'sig' }]],
      ['/publicKeys', [{ ...smallKey.export({ format: 'jwk' }), kid: 'small', alg: 'RS256', use: 'sig' }]],
      ['/clientId', 'other']
    ] as const) t.equal(await replace(path, value), 400, `${path} ${JSON.stringify(value).slice(0, 60)}`)
    t.equal(await replace('/publicKeys', []), 204)
    t.equal(await replace('/allowedAuthMethods', ['private_key_jwt']), 400, 'without a key')
    const published = await call('POST', `/${clientId}/actions/publish`)
    t.match(await published.json(), { publishedAt: /^\d{4}-/ })
    t.match(await (await call('GET', `/${clientId}`)).json(), { publishedAt: /^\d{4}-/ })
    t.equal(
      (await call('PATCH', `/${clientId}/connection-configs/me`, [{ op: 'replace', path: '/consentMethod', value: 'required' }])).status,
      204
    )
    t.match(await (await call('GET', `/${clientId}/connection-configs/me`)).json(), { consentMethod: 'required' })
    t.equal((await call('DELETE', `/${clientId}`)).status, 204)
    t.equal((await call('GET', `/${clientId}`)).status, 404)
    t.equal((await call('POST', '', { appType: 'web', clientName: 'No redirect URI' })).status, 400)
  })

  t.test('the tokens of a client that was deleted work no more', async t => {
    controls.addClient({ clientId: 'passing', clientSecret: 's', redirectUris: [callbackUri] })
    const { access_token: token } = await obtainTokens({ ...tenant, client: { id: 'passing', secret: 's' } }, alice)
    t.equal((await callApi(tenant, token, '/api/v1/features')).status, 200)
    await callApi(tenant, administrators.apiKey, '/api/v1/oauth-clients/passing', { method: 'DELETE' })
    t.equal((await callApi(tenant, token, '/api/v1/features')).status, 401)
  })
})
