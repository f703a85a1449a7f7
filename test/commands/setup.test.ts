import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { alice } from '../../sandbox/identities.js'
import { startOkta } from '../../sandbox/oauth/okta.js'
import { startTenant, type Tenant } from '../../sandbox/tenant.js'
import { createAsk } from '../../src/commands/doctor/ask.js'
import { examine } from '../../src/commands/doctor/examine.js'
import { examineOkta } from '../../src/commands/setup/okta-checks.js'
import { readConfig } from '../../src/settings/config.js'
import { setupCommand } from '../../src/commands/setup/setup.js'
import { createBrowser, login } from '../helpers/browser-jar.js'
import { startGateway } from '../helpers/gateway.js'
import { callbackUri, obtainTokens } from '../helpers/oauth-login.js'
import { reservePort } from '../helpers/ports.js'
import { serveHttp } from '../helpers/servers.js'

/** Runs the command; what it printed, and its exit status or the error that ended it. */
async function run (words: string[], env: NodeJS.ProcessEnv) {
  let out = ''
  let err = ''
  const io = { env, out: (text: string) => { out += text }, err: (text: string) => { err += text } }
  try {
    return { status: await setupCommand.run(words, io), out, err }
  } catch (error) {
    const { message, status } = error as Error & { status: number }
    return { status, out, err: err + message }
  }
}

/** The settings that were printed. */
function parse (text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/^(\w+)="?([^"\n]*)"?$/gm)].map(([, name = '', value = '']) => [name, value]))
}

const changes = (tenant: Tenant) =>
  tenant.controls.requests
    .filter(({ method, url }) => method !== 'GET' && url.startsWith('/api/'))
    .map(({ method, url }) => `${method} ${url.split('?')[0]}`)

t.test('setup registers the OAuth client with which a login works, once, and brings one that is there in line', async t => {
  const tenant = await startTenant()
  t.teardown(async () => { await tenant.close() })
  const { controls, administrators } = tenant
  const port = await reservePort()
  const env: NodeJS.ProcessEnv = {
    QLIK_TENANT_URL: tenant.origin,
    PUBLIC_URL: `http://localhost:${port}`,
    QLIK_ADMIN_API_KEY: administrators.apiKey
  }
  const machine = {
    ...env,
    QLIK_ADMIN_API_KEY: '',
    QLIK_ADMIN_CLIENT_ID: administrators.client.id,
    QLIK_ADMIN_CLIENT_SECRET: administrators.client.secret
  }
  t.afterEach(() => { controls.clear() })
  let settings: Record<string, string> = {}
  const clientId = () => settings.QLIK_CLIENT_ID as string

  t.test('a dry run shows the request and sends none', async t => {
    const shown = await run(['--dry-run'], machine)
    t.match(shown, {
      status: 0,
      err: '',
      out: new RegExp(`^POST ${tenant.origin}/api/v1/oauth-clients\n{[^]*"clientName": "qlik-embed-gateway"[^]*"consentMethod": "trusted"`)
    })
    t.same(changes(tenant), [])
  })

  t.test('the settings that it prints start a gateway at which users sign in, and doctor finds the client in order', async t => {
    const made = await run([], env)
    t.match(made, { status: 0, err: /is registered/ })
    settings = parse(made.out)
    t.match(settings, {
      QLIK_TENANT_URL: tenant.origin,
      QLIK_CLIENT_ID: /^\w{32}$/,
      QLIK_CLIENT_SECRET: /^\w{64}$/,
      QLIK_SCOPES: 'user_default offline_access',
      PUBLIC_URL: env.PUBLIC_URL,
      SESSION_KEYS: /^[\w+/]{43}=$/
    })
    const { origin } = await startGateway(t, { tenant, settings: { ...settings, PORT: String(port), LOG_LEVEL: 'fatal' } })
    t.equal((await login(createBrowser(), `${origin}/login?returnto=/healthz`, alice)).status, 200)
    const lines = await examine({ ...settings, PORT: String(port) }, {})
    t.same(lines.filter(({ state }) => state === 'problem'), [])
  })

  t.test('a second run changes nothing, by whichever administrator and whatever the name', async t => {
    for (const [words, who] of [[[], env], [[], machine], [['--name', 'Another'], env]] as const) {
      const again = await run([...words], { ...who, SESSION_KEYS: 'kept\nold' })
      t.match(again, { status: 0, err: /is as it should be\.\nIts secret cannot be read again/ })
      t.same(parse(again.out), {
        QLIK_TENANT_URL: tenant.origin,
        QLIK_CLIENT_ID: clientId(),
        QLIK_SCOPES: 'user_default offline_access',
        PUBLIC_URL: env.PUBLIC_URL,
        SESSION_KEYS: 'kept,old'
      })
    }
    const unknown = await run([], env)
    t.match(unknown, { status: 0, err: /SESSION_KEYS is not set here: keep those that the gateway has/ })
    t.notMatch(unknown.out, /SESSION_KEYS/, 'new keys would sign everybody out')
    t.same(changes(tenant), [])
  })

  t.test('what a client lacks is added, and what it has besides stays', async t => {
    controls.setClient({ redirectUris: ['https://other.example/callback'], scopes: ['apps'], consent: 'required' }, clientId())
    const shown = await run(['--dry-run', '--rotate-secret', '--end-old-secrets'], env)
    t.match(shown.out.match(/^[A-Z]+ /gm), ['PATCH ', 'PATCH ', 'POST '])
    t.match(await run([], env), { status: 0, err: /lacked redirectUris and allowedScopes\.\n.* asked every user for consent\.\n/ })
    t.same(changes(tenant), [
      `PATCH /api/v1/oauth-clients/${clientId()}`,
      `PATCH /api/v1/oauth-clients/${clientId()}/connection-configs/me`
    ])
    t.match(
      await (
        await fetch(`${tenant.origin}/api/v1/oauth-clients?limit=100`, { headers: { authorization: `Bearer ${administrators.apiKey}` } })
      ).json(),
      {
        data: [
          {},
          {},
          {
            redirectUris: ['https://other.example/callback', `${env.PUBLIC_URL}/login/callback`],
            allowedScopes: ['apps', 'user_default', 'offline_access']
          }
        ]
      }
    )
  })

  t.test('a rotated secret works beside the older ones until they are ended', async t => {
    const secrets = [settings.QLIK_CLIENT_SECRET as string]
    for (let made = 0; made < 4; made++) secrets.push(parse((await run(['--rotate-secret'], env)).out).QLIK_CLIENT_SECRET as string)
    const accepted = async () => await Promise.all([secrets[0], secrets.at(-1)].map(async secret => {
      const lines = await examine({ ...settings, QLIK_CLIENT_SECRET: secret }, { skip: ['public-url', 'redis'] })
      return lines.find(({ check }) => check === 'client-secret')?.state
    }))
    t.same(await accepted(), ['ok', 'ok'])
    t.match(await run(['--rotate-secret'], env), {
      status: 1,
      err: /client-secrets was refused \(409, OAUTH-CLIENTS-409\): .*five secrets/
    })
    t.match(await run(['--end-old-secrets'], env), { status: 0, err: /4 older ended/ })
    t.same(await accepted(), ['problem', 'ok'])
    t.match(await run(['--end-old-secrets'], env), { status: 0, err: /one secret only/ })
  })

  t.test('a file of settings is for nobody else to read, and never overwritten', async t => {
    const file = `${t.testdir({})}/gateway.env`
    t.match(await run(['--write', file], env), {
      status: 1,
      err: /would lack the secret.*set QLIK_CLIENT_SECRET to the one that you have, or use --rotate-secret/
    })
    t.notOk(existsSync(file))
    t.match(await run(['--write', file, '--rotate-secret'], env), {
      status: 0,
      out: '',
      err: /the file has new keys, which sign out everybody/
    })
    t.equal(statSync(file).mode & 0o777, 0o600)
    const written = readFileSync(file, 'utf8')
    t.match(parse(written), { QLIK_CLIENT_SECRET: /^\w{64}$/, SESSION_KEYS: /^[\w+/]{43}=$/ })
    t.type(
      readConfig({ ...parse(written), NODE_ENV: 'production', PUBLIC_URL: 'https://app.example.com' }),
      'object',
      'a gateway starts with it'
    )
    const { QLIK_CLIENT_SECRET, SESSION_KEYS } = parse(written)
    t.match(await run(['--write', `${file}.kept`], { ...env, QLIK_CLIENT_SECRET, SESSION_KEYS }), { status: 0 })
    t.match(parse(readFileSync(`${file}.kept`, 'utf8')), { QLIK_CLIENT_SECRET, SESSION_KEYS }, 'what is there is kept')
    t.match(await run(['--write', file], env), { status: 2, err: /is there already/ })
    t.equal(readFileSync(file, 'utf8'), written)
    t.match(await run(['--write', `${file}/no/folder`], env), { status: 2, err: /cannot be written \(ENOTDIR\)/ })
    t.match(await run(['--write', `${file}.new`], { ...env, QLIK_ADMIN_API_KEY: 'wrong' }), { status: 1 })
    t.notOk(existsSync(`${file}.new`))
  })

  t.test('pages of a list are followed, at the tenant alone', async t => {
    controls.addFault({
      path: '/api/v1/oauth-clients',
      method: 'GET',
      times: 1,
      status: 200,
      body: { data: [], links: { next: { href: 'https://elsewhere.example/api/v1/oauth-clients?limit=50' } } }
    })
    t.match(await run([], env), { status: 0, err: /is as it should be/ })
  })

  t.test('what it cannot do it says, and changes nothing', async t => {
    const client = { clientId: 'a', clientName: 'qlik-embed-gateway', appType: 'web', clientSecrets: [{ hint: 'one' }] }
    const list = (...data: object[]) => { controls.addFault({ path: /^\/api\/v1\/oauth-clients\?/, status: 200, body: { data } }) }
    const { access_token: user } = await obtainTokens(await withCallback(tenant), alice)
    const nowhere = `http://127.0.0.1:${await reservePort()}`
    const key = `${t.testdir({ key: administrators.apiKey })}/key`
    const cases: [what: string, words: string[], changed: NodeJS.ProcessEnv, status: number, err: RegExp, plant?: () => void][] = [
      ['no public URL', [], { PUBLIC_URL: '' }, 2, /- PUBLIC_URL is required/],
      ['no administrator', [], { QLIK_ADMIN_API_KEY: '' }, 2, /^Who administers the tenant\?/],
      ['no tenant, and a key twice', [], { QLIK_TENANT_URL: '', QLIK_ADMIN_API_KEY_FILE: key }, 2,
        /- QLIK_ADMIN_API_KEY and QLIK_ADMIN_API_KEY_FILE are both set.*\n.*- QLIK_TENANT_URL is required/],
      ['a key with a line break', [], { QLIK_ADMIN_API_KEY: 'a\nb' }, 2, /QLIK_ADMIN_API_KEY is empty or holds white space/],
      ['an unknown word', ['keycloak'], {}, 2, /"keycloak" is not expected/],
      ['a wrong key', [], { QLIK_ADMIN_API_KEY: 'wrong' }, 1, /does not show itself/],
      ['a key of somebody else', [], { QLIK_ADMIN_API_KEY: user }, 1, /\(403, AUTHZ-1\): it takes the role TenantAdmin/],
      ['a wrong machine client', [], { ...machine, QLIK_ADMIN_CLIENT_SECRET: 'wrong' }, 1, /no token \(401, OAUTH-22\)/],
      ['an alias', [], { QLIK_TENANT_URL: tenant.aliasOrigin }, 1, /is an alias.*original hostname, localhost/],
      ['a tenant that is away', [], { QLIK_TENANT_URL: nowhere }, 1, /refuses the connection \(ECONNREFUSED\)/],
      ['a tenant that is away from its machines', [], { ...machine, QLIK_TENANT_URL: nowhere }, 1,
        /refuses the connection \(ECONNREFUSED\)/],
      ['two clients of a name', [], {}, 1, /2 OAuth clients that could be meant \(a, a\)/, () => { list(client, client) }],
      ['a client of another type', [], {}, 1, /of type spa, which cannot be changed/, () => { list({ ...client, appType: 'spa' }) }],
      ['five redirect URIs', [], {}, 1, /5 redirect URLs already/, () => { list({ ...client, redirectUris: ['1', '2', '3', '4', '5'] }) }],
      ['secrets without a time', ['--end-old-secrets'], {}, 1, /does not tell when/, () => {
        list({ ...client, redirectUris: [`${env.PUBLIC_URL}/login/callback`], allowedScopes: ['user_default', 'offline_access'] })
        controls.addFault({ path: '/api/v1/oauth-clients/a/', status: 200, body: { consentMethod: 'trusted' } })
      }]
    ]
    t.match(await run([], { ...env, HTTPS_PROXY: 'socks5://proxy' }), { err: /HTTPS_PROXY is not the address of a proxy/ })
    for (const [what, words, changed, status, err, plant] of cases) {
      controls.clear()
      plant?.()
      t.match(await run(words, { ...env, ...changed }), { status, out: '', err }, what)
      t.same(changes(tenant), [], what)
    }
    writeFileSync(key, `${administrators.apiKey}\n`)
    controls.clear()
    t.match(await run([], { ...env, QLIK_ADMIN_API_KEY: '', QLIK_ADMIN_API_KEY_FILE: key }), { status: 0 }, 'a key from a file')
  })
})

/** The tenant with a client that tests can log in with. */
async function withCallback (tenant: Tenant): Promise<Tenant> {
  tenant.controls.setRedirectUris([callbackUri])
  return tenant
}

t.test('setup okta creates the identity provider once, after Okta has been examined', async t => {
  const tenant = await startTenant()
  t.teardown(async () => { await tenant.close() })
  const { okta } = tenant
  const env: NodeJS.ProcessEnv = {
    QLIK_TENANT_URL: tenant.origin,
    QLIK_ADMIN_API_KEY: tenant.administrators.apiKey,
    OKTA_ISSUER: okta.issuer,
    OKTA_CLIENT_ID: okta.clientId,
    OKTA_CLIENT_SECRET: okta.clientSecret,
    OKTA_API_TOKEN: okta.apiToken
  }
  t.afterEach(() => { tenant.controls.clear() })
  const shown = await run(['okta', '--dry-run'], env)
  t.match(shown, { status: 0, err: /^ok {7}okta-discovery[^]*6 ok, 0 warning/, out: /^POST [^]*"clientSecret": "\*\*\*"/ })
  t.notMatch(shown.out + shown.err, new RegExp(okta.clientSecret))
  t.same(changes(tenant), [])
  t.match(await run(['okta'], env), { status: 0, out: '', err: /is created \(\w+\)\. Validate it/ })
  t.match(await run(['okta'], env), { status: 0, err: /is there already \(\w+, not active, pending\): nothing was changed/ })
  t.match(changes(tenant), ['POST /api/v1/identity-providers'])
  t.match(await run(['okta', '--update'], { ...env, OKTA_SCOPES: 'openid email groups' }), {
    status: 0,
    err: /has these values to be validated/
  })

  const other = { discoveryUrl: `${okta.issuer}/.well-known/openid-configuration`, clientId: 'other' }
  for (const [provider, expected] of [[{ active: true, options: other }, /\(it, active\), with another client/], [
    { options: { ...other, clientId: okta.clientId } },
    /not active, not validated\), with another client or other claims/
  ]] as const) {
    tenant.controls.addFault({ path: '/api/v1/identity-providers', times: 1, status: 200, body: { data: [{ id: 'it', ...provider }] } })
    t.match(await run(['okta'], env), { status: 0, err: expected })
  }

  const stray = await startOkta({
    port: 0,
    client: { clientId: 'app', clientSecret: 'secret', redirectUri: 'https://alias.example/login/callback' },
    log: () => {}
  })
  t.teardown(async () => { await stray.close() })
  const faults: [changed: NodeJS.ProcessEnv, err: RegExp][] = [
    [{ OKTA_CLIENT_SECRET: 'wrong' }, /problem {2}okta-client +Okta does not accept the client's id and secret \(401, invalid_client\)/],
    [{ OKTA_SCOPES: 'openid unheard' }, /problem {2}okta-scopes +The authorization server has no scope unheard\./],
    [{ OKTA_ISSUER: stray.issuer, OKTA_CLIENT_ID: 'app', OKTA_CLIENT_SECRET: 'secret' },
      /problem {2}okta-redirect[^]*original hostname of the tenant, never its alias/],
    [{ OKTA_ISSUER: `http://127.0.0.1:${await reservePort()}/oauth2/default` },
      /problem {2}okta-connection +127\.0\.0\.1:\d+ refuses the connection/]
  ]
  for (const [changed, err] of faults) {
    const refused = await run(['okta'], { ...env, ...changed })
    t.match(refused, { status: 1, err })
    t.match(refused.err, /nothing was changed/)
  }
  t.match(await run(['okta', 'now'], env), { status: 2 })
})

t.test('each answer of Okta has its own line', async t => {
  async function examined (t: Test, answers: Record<string, [status: number, body: object]>, apiToken?: string, path = '/oauth2/default') {
    const { origin } = await serveHttp(t, (request, response) => {
      const [status, body] = answers[(request.url as string).split('?')[0] as string] ?? [404, {}]
      response
        .writeHead(status, { 'content-type': 'application/json' })
        .end(JSON.stringify(body).replaceAll('ORIGIN', `http://${request.headers.host}`))
    })
    const lines = await examineOkta(
      {
        issuer: new URL(origin + path),
        clientId: 'id',
        clientSecret: 'secret',
        scopes: ['openid'],
        apiToken,
        redirectUri: 'https://tenant.example/login/callback'
      },
      createAsk(fetch)
    )
    return Object.fromEntries(lines.map(({ check, state }) => [check.replace('okta-', ''), state]))
  }
  const document = {
    issuer: 'ORIGIN/oauth2/default',
    authorization_endpoint: 'ORIGIN/authorize',
    token_endpoint: 'ORIGIN/token',
    jwks_uri: 'ORIGIN/keys',
    scopes_supported: ['openid']
  }
  const at = '/oauth2/default/.well-known/openid-configuration'
  const server = '/api/v1/authorizationServers/default'
  t.same(await examined(t, {}), { discovery: 'problem' })
  t.same(await examined(t, { [at]: [200, { ...document, issuer: 'https://elsewhere.example' }] }), { discovery: 'problem' })
  t.same(
    await examined(
      t,
      { '/.well-known/openid-configuration': [200, { ...document, issuer: 'ORIGIN', scopes_supported: null }], '/authorize': [302, {}] },
      undefined,
      ''
    ),
    { discovery: 'warning', scopes: 'problem', groups: 'warning', audience: 'skipped', client: 'warning', redirect: 'ok' }
  )
  t.match(await examined(t, { '/.well-known/openid-configuration': [200, { ...document, issuer: 'ORIGIN' }] }, 'token', ''), {
    discovery: 'warning',
    audience: 'warning'
  })
  t.same(await examined(t, { [at]: [200, document], '/token': [400, { error: 'invalid_grant' }] }, 'token'), {
    discovery: 'ok',
    scopes: 'ok',
    groups: 'warning',
    audience: 'warning',
    client: 'ok',
    redirect: 'problem'
  })
  t.match(
    await examined(
      t,
      { [at]: [200, document], [server]: [200, { audiences: ['api://default'] }], [`${server}/claims`]: [200, [{ name: 'groups' }]] },
      'token'
    ),
    { groups: 'ok', audience: 'problem' }
  )
})
