import t from 'tap'
import { examine } from '../../src/commands/doctor/examine.js'
import type { Line } from '../../src/commands/doctor/finding.js'
import { settingsFor } from '../helpers/gateway.js'
import { settingsOf, startOwnUsers } from '../helpers/own-users.js'
import { serveHttp } from '../helpers/servers.js'

t.test('doctor examines impersonation: the client, the keys of the issuer and the administration client', async t => {
  const stage = await startOwnUsers(t)
  const { tenant, issuer, origin } = stage
  const { client } = tenant.administrators
  const own = { ...settingsFor(tenant, Number(new URL(origin).port)), ...settingsOf(t, issuer) }
  const all = { ...own, PROVISION_USERS: 'true', QLIK_ADMIN_CLIENT_ID: client.id, QLIK_ADMIN_CLIENT_SECRET: client.secret }
  const linesOf = async (check: string, env: NodeJS.ProcessEnv) =>
    (await examine(env, { skip: ['redis', 'public-url'].filter(name => name !== check) })).filter(line => line.check === check)
  t.afterEach(() => { tenant.controls.clear() })

  t.test('in order', async t => {
    const lines = await examine(all)
    t.same(lines.filter(({ state }) => state === 'problem'), [])
    const states = new Map(lines.map(({ check, state }) => [check, state]))
    for (const check of ['client-secret', 'identity-keys', 'impersonation', 'users', 'public-url', 'public-upgrade', 'public-stream']) {
      t.equal(states.get(check), 'ok', check)
    }
    for (const check of ['redirect-uri', 'scopes', 'public-login']) t.equal(states.get(check), 'skipped', check)
    t.equal(tenant.controls.grants.impersonation, 0)
    t.same(tenant.controls.requests.filter(({ method, path }) => method !== 'GET' && path !== '/oauth/token'), [], 'nothing is changed')
  })

  const { origin: keys } = await serveHttp(t, ({ url }, response) => { response.writeHead(200).end(url === '/keys' ? issuer.keys : '{}') })
  const byUrl = (path: string) => ({ IDENTITY_KEYS_FILE: '', IDENTITY_JWKS_URL: `${keys}${path}` })
  const { controls } = tenant
  const plant = (fault: Parameters<typeof controls.addFault>[0]) => () => { controls.addFault(fault) }
  const change = (client: Parameters<typeof controls.setClient>[0]) => () => { controls.setClient(client) }
  type Expected = Partial<Line> | { text: RegExp }
  const cases: [what: string, check: string, env: NodeJS.ProcessEnv, expected: Expected, plant?: () => void, mend?: () => void][] = [
    ['a client that is not trusted', 'impersonation', own,
      { state: 'problem', text: /is not trusted \(403, SANDBOX-OAUTH-CONSENT\)/ }, change({ consent: 'required' }),
      change({ consent: 'trusted' })],
    ['a client of another grant type', 'impersonation', own, { state: 'problem', text: /does not let the client impersonate/ },
      change({ grantTypes: ['authorization_code'] }), change({ grantTypes: ['urn:qlik:oauth:user-impersonation'] })],
    ['a busy tenant', 'impersonation', own, { state: 'skipped', text: /too busy to tell \(429/ },
      plant({ path: '/oauth/token', status: 429 })],
    ['an answer without tokens', 'impersonation', own, { state: 'skipped', text: /too busy to tell \(200, no code\)/ },
      plant({ path: '/oauth/token', status: 200, body: {} })],
    ['a tenant that breaks off', 'impersonation', own, { state: 'problem', text: /broke the connection off/ },
      plant({ path: '/oauth/token', reset: true })],
    ['a tenant that knows everybody', 'impersonation', own, { state: 'warning', text: /whom nobody has created/ },
      plant({ path: '/oauth/token', status: 200, body: { access_token: 'x' } })],
    ['users who sign in at the tenant', 'impersonation', { ...own, CREDENTIALS: '' }, { state: 'skipped' }],
    ['no impersonation and its keys', 'identity-keys', { ...own, CREDENTIALS: '' }, { state: 'skipped' }],
    ['keys that are published', 'identity-keys', { ...own, ...byUrl('/keys') }, { state: 'ok' }],
    ['keys that are none', 'identity-keys', { ...own, ...byUrl('/other') }, { state: 'problem', text: /publishes no keys/ }],
    ['users who are not created', 'users', own, { state: 'skipped' }],
    ['a wrong secret of the administration client', 'users', { ...all, QLIK_ADMIN_CLIENT_SECRET: 'wrong' },
      { state: 'problem', text: /does not accept the administration client \(401, OAUTH-22\)/ }],
    ['an administration client without rights', 'users', all, { state: 'problem', text: /may not read users and groups \(403/ },
      plant({ path: '/api/v1/users', status: 403 })],
    ['an API that limits', 'users', all, { state: 'skipped', text: /too busy to tell/ }, plant({ path: '/api/v1/users', status: 429 })],
    ['an API that breaks off', 'users', all, { state: 'skipped', text: /too busy to tell \(no answer, no code\)/ },
      plant({ path: '/api/v1/users', reset: true })],
    ['an ingress', 'public-url', { ...own, IDENTITY_JWT_HEADER: 'x-identity', TRUSTED_PROXIES: '10.0.0.0/8' },
      { state: 'skipped', text: /an ingress says who the user is/ }]
  ]
  for (const [what, check, env, expected, plant, mend] of cases) {
    t.test(what, async t => {
      plant?.()
      t.match(await linesOf(check, env), [expected])
      mend?.()
    })
  }
})
