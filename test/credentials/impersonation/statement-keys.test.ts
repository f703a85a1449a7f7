import { writeFileSync } from 'node:fs'
import t from 'tap'
import { createKeyPair } from '../../../sandbox/key-pair.js'
import { createVerifyStatement } from '../../../src/credentials/impersonation/statements.js'
import { KeysUnavailableError, readPublicKeys, remoteKeys } from '../../../src/credentials/impersonation/statement-keys.js'
import { readConfig } from '../../../src/settings/config.js'
import { createCertificate } from '../../helpers/certificate.js'
import { settingsFor } from '../../helpers/gateway.js'
import { carol, keepFile, settingsOf, startOwnUsers } from '../../helpers/own-users.js'
import { serveHttp } from '../../helpers/servers.js'
import { createIssuer, type Issuer } from '../../helpers/statements.js'
import { until } from '../../helpers/log.js'

const audience = 'https://gateway.example'

/** A server of keys that can be changed and counted. */
async function startKeys (t: Parameters<typeof serveHttp>[0], body: string) {
  const state = { body, status: 200, asked: 0 }
  const { origin } = await serveHttp(t, (_request, response) => {
    state.asked++
    response.writeHead(state.status, { 'content-type': 'application/json' }).end(state.body)
  })
  return { state, url: new URL('/keys', origin) }
}

const verifierOf = (issuer: Issuer, url: URL, cooldownMs?: number) => createVerifyStatement({
  issuer: issuer.issuer, audience, getKey: remoteKeys(url, fetch, cooldownMs), subjectClaim: 'sub', groupsClaim: 'groups', now: Date.now
})

t.test('keys of a server are read once, and again when a statement names a new one', async t => {
  const [one, two] = [createIssuer(), createIssuer({ kid: 'two' })]
  const { state, url } = await startKeys(t, one.keys)
  const verify = verifierOf(one, url, 0)
  for (let round = 0; round < 3; round++) {
    t.match(await verify(await one.state(carol.subject, audience)), { user: { subject: carol.subject } })
  }
  t.equal(state.asked, 1)
  await t.rejects(verify(await two.state(carol.subject, audience)), { message: 'ERR_JWKS_NO_MATCHING_KEY' })
  state.body = two.keys
  await verify(await two.state(carol.subject, audience))
  t.equal(state.asked, 3)
  await t.rejects(
    verify(await one.state(carol.subject, audience)),
    { message: 'ERR_JWKS_NO_MATCHING_KEY' },
    'what is published no more is good no more'
  )
})

t.test('statements that name invented keys do not have the server asked each time', async t => {
  const issuer = createIssuer()
  const { state, url } = await startKeys(t, issuer.keys)
  const verify = verifierOf(issuer, url)
  await verify(await issuer.state(carol.subject, audience))
  for (const kid of ['x', 'y', 'z']) {
    await t.rejects(verify(await issuer.state(carol.subject, audience, {}, { kid })), { name: 'StatementError' })
  }
  t.equal(state.asked, 1)
})

t.test('keys that cannot be read are the fault of no statement', async t => {
  const issuer = createIssuer()
  const { state, url } = await startKeys(t, issuer.keys)
  const verify = verifierOf(issuer, url)
  for (const [status, body] of [[503, ''], [302, ''], [200, 'words'], [200, '{"keys":7}']] as const) {
    Object.assign(state, { status, body })
    await t.rejects(verify(await issuer.state(carol.subject, audience)), KeysUnavailableError)
  }
  const stage = await startOwnUsers(t, { settings: { IDENTITY_KEYS_FILE: '', IDENTITY_JWKS_URL: 'http://127.0.0.1:1/keys' } })
  const answer = await stage.assert(await stage.issuer.state(carol.subject, stage.origin))
  t.match([answer.status, answer.headers.get('retry-after'), await answer.json()], [503, '5', { errors: [{ code: 'GW-IDENTITY-KEYS' }] }])
  t.equal(stage.tenant.controls.grants.impersonation, 0)
})

t.test('a file of keys is followed; what holds none is refused, and those before stay', async t => {
  const before = createIssuer()
  const file = keepFile(t, before.keys)
  const gateway = await startOwnUsers(t, { settings: { IDENTITY_KEYS_FILE: file } })
  const next = createIssuer({ kid: 'next' })
  const statusOf = async (issuer: Issuer) => (await gateway.assert(await issuer.state(carol.subject, gateway.origin))).status
  t.equal(await statusOf(before), 204)
  t.equal(await statusOf(next), 401)
  writeFileSync(file, 'none')
  gateway.signals.emit('reload')
  t.equal(await statusOf(before), 204)
  writeFileSync(file, next.keys)
  gateway.signals.emit('reload')
  await until(async () => await statusOf(next) === 204)
  t.equal(await statusOf(before), 401)
})

t.test('a key in PEM or a certificate is taken whatever id a statement names; private and shared keys are none', async t => {
  const { privateKey, publicKey } = createKeyPair(2_048)
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  t.match(readPublicKeys(pem), { keys: [{ kty: 'RSA' }] })
  t.match(readPublicKeys(createCertificate(['portal.example']).cert), { keys: [{ kty: 'EC' }] })
  const jwk = publicKey.export({ format: 'jwk' })
  const wrong = [
    '',
    'words',
    '{}',
    '{"keys":[]}',
    '{"keys":7}',
    JSON.stringify({ keys: [privateKey.export({ format: 'jwk' })] }),
    JSON.stringify({ keys: [jwk, { kty: 'oct', k: 'c2VjcmV0' }] })
  ]
  for (const text of wrong) t.throws(() => readPublicKeys(text), { message: /^holds no public keys/ }, text)
  const issuer = createIssuer()
  const nameless = { ...(JSON.parse(issuer.keys) as { keys: [object] }).keys[0], kid: undefined }
  const stage = await startOwnUsers(t, { settings: { IDENTITY_KEYS_FILE: keepFile(t, JSON.stringify({ keys: [nameless] })) } })
  t.equal((await stage.assert(await issuer.state(carol.subject, stage.origin, {}, { kid: 'whatever' }))).status, 204)
})

t.test('settings of impersonation that are missing, or are too many, stop the start', t => {
  const issuer = createIssuer()
  const good = { ...settingsOf(t, issuer), PUBLIC_URL: 'https://app.example.com' }
  const key = keepFile(t, String(createKeyPair(2_048).privateKey.export({ type: 'pkcs8', format: 'pem' })))
  const words = keepFile(t, 'words')
  const provision = { PROVISION_USERS: 'true', QLIK_ADMIN_CLIENT_ID: 'admin', QLIK_ADMIN_CLIENT_SECRET: 'secret' }
  const read = (changes: NodeJS.ProcessEnv) =>
    readConfig(settingsFor({ origin: 'https://tenant.example', client: { id: 'id', secret: 's' } }, 3000, { ...good, ...changes }))
  t.match(read({}).gateway, {
    credentials: 'impersonation',
    scopes: ['user_default'],
    identitySubjectClaim: 'sub',
    identityLookup: 'subject',
    engineIdentity: 'page'
  })
  t.same(read({ QLIK_SCOPES: 'user_default apps' }).gateway.scopes, ['user_default', 'apps'])
  t.match(read(provision).gateway, { provisionUsers: true })
  t.match(read({ ...provision, QLIK_ADMIN_CLIENT_SECRET: '', QLIK_ADMIN_CLIENT_KEY_FILE: key, QLIK_ADMIN_CLIENT_KEY_ID: 'k' }).gateway, {
    adminClientKeyId: 'k'
  })
  const faults: [NodeJS.ProcessEnv, RegExp][] = [
    [{ IDENTITY_JWT_ISSUER: '' }, /IDENTITY_JWT_ISSUER is required/],
    [{ IDENTITY_KEYS_FILE: '' }, /IDENTITY_JWKS_URL is required/],
    [{ IDENTITY_JWKS_URL: 'https://portal.example/keys' }, /IDENTITY_JWKS_URL is set, and a file of keys too/],
    [{ IDENTITY_KEYS_FILE: words }, /IDENTITY_KEYS_FILE holds no public keys/],
    [{ IDENTITY_KEYS_FILE: `${words}.none` }, /IDENTITY_KEYS_FILE cannot be read/],
    [{ IDENTITY_KEYS_FILE: '', IDENTITY_JWKS_URL: 'http://portal.example/keys' }, /IDENTITY_JWKS_URL is not https/],
    [{ IDENTITY_JWT_HEADER: 'x-identity' }, /TRUSTED_PROXIES is required/],
    [{ IDENTITY_JWT_HEADER: 'x identity' }, /IDENTITY_JWT_HEADER is not the name of a header/],
    [{ SIGN_IN_URL: 'javascript:alert(1)' }, /SIGN_IN_URL is not the address of a page/],
    [{ CREDENTIALS: 'password' }, /CREDENTIALS is not a source/],
    [{ ENGINE_IDENTITY: 'user' }, /ENGINE_IDENTITY is not a way/],
    [{ PROVISION_USERS: 'true' }, /QLIK_ADMIN_CLIENT_ID is required[^]*QLIK_ADMIN_CLIENT_SECRET is required/],
    [{ ...provision, IDENTITY_LOOKUP: 'userId' }, /IDENTITY_LOOKUP is userId, but users are to be created/],
    [{ ...provision, QLIK_ADMIN_CLIENT_KEY_FILE: key, QLIK_ADMIN_CLIENT_KEY_ID: 'k' },
      /QLIK_ADMIN_CLIENT_KEY_FILE is set, and a secret too/],
    [{ ...provision, QLIK_ADMIN_CLIENT_SECRET: '', QLIK_ADMIN_CLIENT_KEY_FILE: key }, /QLIK_ADMIN_CLIENT_KEY_ID is required/]
  ]
  for (const [changes, fault] of faults) t.throws(() => read(changes), { message: fault })
  t.end()
})
