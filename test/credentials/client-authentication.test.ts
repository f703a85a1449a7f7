import type { KeyObject } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import t from 'tap'
import { createKeyPair } from '../../sandbox/key-pair.js'
import { alice } from '../../sandbox/identities.js'
import { startTenant } from '../../sandbox/tenant.js'
import { readConfig } from '../../src/settings/config.js'
import { createTenantOAuth } from '../../src/credentials/authorization-code/oauth.js'
import { ClientAuthentication, type ClientCredential } from '../../src/credentials/client-authentication.js'
import { credentialOf, followClientFile } from '../../src/credentials/client-file.js'
import { ClientKey } from '../../src/credentials/client-key.js'
import { createSignals } from '../../src/signals.js'
import { createBrowser, login } from '../helpers/browser-jar.js'
import { createLog, until } from '../helpers/log.js'

const redirectUri = 'http://localhost:3999/login/callback'
const rsa = createKeyPair(2_048)
const ec = createKeyPair('P-384')
const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString()
const jwk = (key: KeyObject, more: object) => ({ ...key.export({ format: 'jwk' }), ...more })

/** What a client with this credential sends in the body of a call. */
async function sentBy (authentication: ClientAuthentication): Promise<Record<string, string>> {
  const body = new URLSearchParams()
  await authentication.inBody({ issuer: 'https://tenant.example' }, { client_id: 'id' }, body, new Headers())
  return Object.fromEntries(body)
}

t.test('private_key_jwt is taken at exchange, refresh and revocation, with RSA in PEM and P-384 as a JWK', async t => {
  const cases: [ClientCredential, object][] = [
    [{ key: new ClientKey(pem(rsa.privateKey)), keyId: 'one' }, jwk(rsa.publicKey, { kid: 'one', alg: 'RS256', use: 'sig' })],
    [credentialOf({ clientKey: new ClientKey(JSON.stringify(jwk(ec.privateKey, { kid: 'two' }))) }),
      jwk(ec.publicKey, { kid: 'two', alg: 'ES384', use: 'sig' })]
  ]
  for (const [credential, publicKey] of cases) {
    const sandbox = await startTenant({
      clients: [
        { clientId: 'id', clientSecret: 'no-use', redirectUris: [redirectUri], authMethods: ['private_key_jwt'], publicKeys: [publicKey] }
      ]
    })
    t.teardown(async () => { await sandbox.close() })
    const authentication = new ClientAuthentication(credential, `${sandbox.origin}/oauth/token`)
    const tenant = createTenantOAuth({
      tenantUrl: new URL(sandbox.origin),
      issuer: sandbox.origin,
      clientId: 'id',
      authentication,
      redirectUri,
      scopes: ['user_default', 'offline_access'],
      fetch,
      now: Date.now
    })
    const { url, state, codeVerifier } = await tenant.authorize('')
    const back = await login(createBrowser({ stopAt: next => next.href.startsWith(redirectUri) }), url, alice)
    const first = await tenant.exchange(tenant.judgeCallback(new URL(back.headers.get('location') ?? '').searchParams, state), codeVerifier)
    const second = await tenant.refresh({ ...first, refreshToken: first.refreshToken ?? '' })
    await tenant.revoke(second.refreshToken)
    t.equal(sandbox.controls.liveTokens(alice.id), 0)
  }
})

t.test('each assertion has a new id', async t => {
  const authentication = new ClientAuthentication(
    { key: new ClientKey(pem(ec.privateKey)), keyId: 'one' },
    'https://tenant.example/oauth/token'
  )
  const claimsOf = async () =>
    JSON.parse(Buffer.from((await sentBy(authentication)).client_assertion?.split('.')[1] ?? '', 'base64url').toString()) as {
      jti: string
      aud: string
    }
  const [one, two] = [await claimsOf(), await claimsOf()]
  t.not(one.jti, two.jti)
  t.equal(one.aud, 'https://tenant.example/oauth/token')
})

t.test('a changed file is used for the next call; what is no credential is refused, and the one before it stays', async t => {
  const key = (id: string) => JSON.stringify(jwk(createKeyPair('P-384').privateKey, { kid: id }))
  const cases = [
    {
      option: 'clientSecretFile',
      given: { clientSecret: 'given' },
      contents: ['first\n', 'second'],
      bad: 'two words',
      field: 'client_secret'
    },
    {
      option: 'clientKeyFile',
      given: { clientKey: new ClientKey(key('given')) },
      contents: [key('first'), key('second')],
      bad: '{}',
      field: 'client_assertion'
    }
  ] as const
  for (const { option, given, contents: [first, second], bad, field } of cases) {
    const file = `${t.testdir({ credential: first })}/credential`
    const authentication = new ClientAuthentication(credentialOf(given), 'https://tenant.example/oauth/token')
    const signals = createSignals()
    const { log, lines } = createLog()
    t.teardown(followClientFile({ ...given, [option]: file }, authentication, log, signals))
    const sent = async () => {
      const value = (await sentBy(authentication))[field] ?? ''
      return field === 'client_secret'
        ? value
        : (JSON.parse(Buffer.from(value.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid
    }
    await until(async () => await sent() === 'first')
    t.same(lines, [], 'the file of the start is no news')
    writeFileSync(file, second)
    signals.emit('reload')
    await until(() => lines.length === 1)
    t.match(lines[0], { level: 'info', msg: 'the credential of the OAuth client was replaced' })
    t.equal(await sent(), 'second')
    writeFileSync(file, bad)
    signals.emit('reload')
    await until(() => lines.length === 2)
    t.match(lines[1], { level: 'error', msg: /the one before it stays in use/ })
    t.notMatch(JSON.stringify(lines), bad)
    t.equal(await sent(), 'second')
  }
})

t.test('nothing is followed where no file is named', async t => {
  const { log } = createLog()
  const signals = createSignals()
  followClientFile({ clientSecret: 'x' }, new ClientAuthentication({ secret: 'x' }, 'https://tenant.example/oauth/token'), log, signals)()
  t.equal(signals.listenerCount('reload'), 0)
})

t.test('one of secret and key is required, and a key that is unsafe or none stops the start', async t => {
  const env = {
    QLIK_TENANT_URL: 'https://tenant.example',
    QLIK_CLIENT_ID: 'id',
    PUBLIC_URL: 'https://app.example.com',
    SESSION_KEYS: Buffer.alloc(32, 1).toString('base64')
  }
  const file = `${t.testdir({ key: '' })}/key`
  const cases: [content: string, more: NodeJS.ProcessEnv, fault: RegExp][] = [
    [pem(createKeyPair(1_024).privateKey), { QLIK_CLIENT_KEY_ID: 'k' },
      /QLIK_CLIENT_KEY_FILE holds an RSA key of 1024 bits/],
    [pem(createKeyPair('P-256').privateKey), { QLIK_CLIENT_KEY_ID: 'k' },
      /QLIK_CLIENT_KEY_FILE holds a key that a tenant does not take/],
    [pem(createKeyPair('Ed25519').privateKey), { QLIK_CLIENT_KEY_ID: 'k' }, /does not take/],
    ['nonsense', { QLIK_CLIENT_KEY_ID: 'k' }, /holds no private key/],
    ['{}', { QLIK_CLIENT_KEY_ID: 'k' }, /holds no private key/],
    [JSON.stringify(jwk(rsa.publicKey, { kid: 'k' })), {}, /holds no private key/],
    [pem(rsa.privateKey), {}, /QLIK_CLIENT_KEY_ID is required/],
    [pem(rsa.privateKey), { QLIK_CLIENT_KEY_ID: 'k', QLIK_CLIENT_SECRET: 's' }, /QLIK_CLIENT_KEY_FILE is set, and a client secret too/]
  ]
  for (const [content, more, fault] of cases) {
    writeFileSync(file, content)
    t.throws(() => readConfig({ ...env, QLIK_CLIENT_KEY_FILE: file, ...more }), { message: fault })
  }
  t.throws(() => readConfig(env), { message: /QLIK_CLIENT_SECRET is required/ })
  t.throws(() => readConfig({ ...env, QLIK_CLIENT_KEY_FILE: `${file}.none` }), {
    message: /QLIK_CLIENT_KEY_FILE cannot be read \(ENOENT\)/
  })
  writeFileSync(file, pem(rsa.privateKey))
  t.match(readConfig({ ...env, QLIK_CLIENT_KEY_FILE: file, QLIK_CLIENT_KEY_ID: 'k' }).gateway, {
    clientKey: { algorithm: 'RS256' },
    clientKeyFile: file
  })
})
