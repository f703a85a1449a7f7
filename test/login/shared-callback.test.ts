import t from 'tap'
import { alice } from '../../sandbox/identities.js'
import { startTenant } from '../../sandbox/tenant.js'
import { checkTenants } from '../../src/settings/tenant-options.js'
import { createBrowser, login } from '../helpers/browser-jar.js'
import { reservePort } from '../helpers/ports.js'
import { sessionKey } from '../helpers/session-cookie.js'
import { entryFor, startSeveral } from '../helpers/several-tenants.js'

const plain = { origin: 'http://127.0.0.1:1' }
const callbackUrl = 'https://login.example.com/login/callback'

t.test('users sign in at two tenants by one client and one callback', async t => {
  const port = await reservePort()
  const home = `http://localhost:${port}`
  const shared = `${home}/login/callback`
  const tenants = await Promise.all([1, 2].map(async () => await startTenant({ redirectUris: [shared] })))
  t.teardown(async () => { for (const tenant of tenants) await tenant.close() })
  await startSeveral(t, () => tenants.map((tenant, at) => entryFor(`t${at}`, `${home}/t${at}`, tenant, { callbackUrl: shared })), { port })
  const browser = createBrowser()
  for (const at of [0, 1]) {
    const answer = await login(browser, `${home}/t${at}/login?returnto=${encodeURIComponent(`/t${at}/gateway/session`)}`, alice)
    t.match(await answer.json(), { authenticated: true, user: { email: alice.email } })
  }
})

t.test('a callback is sent on to the tenant that its state names, whose own callback judges it', async t => {
  const gateway = await startSeveral(t, () => [
    entryFor('one', 'https://one.example.com', plain, { callbackUrl }),
    entryFor('two', 'https://two.example.com/below', plain, { callbackUrl }),
    entryFor('three', 'https://three.example.com', plain)
  ])
  const start = await gateway.get('https://two.example.com/below/login')
  const asked = new URL(String(start.headers.location)).searchParams
  t.equal(asked.get('redirect_uri'), callbackUrl)
  const state = String(asked.get('state'))
  const back = await gateway.get(`${callbackUrl}?code=a%20b&state=${state}&iss=x`)
  t.match(back, {
    status: 303,
    headers: {
      location: `https://two.example.com/below/login/callback?code=a%20b&state=${state}&iss=x`,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer'
    }
  })
  t.match(await gateway.get('https://login.example.com:443/login/callback?code=c&state=' + state, { host: 'LOGIN.example.com:443' }), {
    status: 303
  })
  // Without the login's cookie it is nobody's.
  t.match(await gateway.get(String(back.headers.location), { accept: 'application/json' }), { status: 400, body: /GW-LOGIN-COOKIE/ })
  const cases: [title: string, url: string, status: number, code: RegExp][] = [
    ['a tenant that has a callback of its own', `${callbackUrl}?code=c&state=${state.replace('.two.', '.three.')}`, 400, /GW-LOGIN-STATE/],
    ['a tenant that there is not', `${callbackUrl}?code=c&state=${state.replace('.two.', '.four.')}`, 400, /GW-LOGIN-STATE/],
    ['no tenant', `${callbackUrl}?code=c&state=x`, 400, /GW-LOGIN-STATE/],
    ['no state', `${callbackUrl}?code=c`, 400, /GW-LOGIN-STATE/],
    ['two states', `${callbackUrl}?state=${state}&state=${state}`, 400, /GW-LOGIN-STATE/],
    ['another path of that host', 'https://login.example.com/login', 421, /GW-UNKNOWN-HOST/]
  ]
  for (const [title, url, status, body] of cases) t.match(await gateway.get(url, { accept: 'application/json' }), { status, body }, title)
  t.match(await gateway.get(`${callbackUrl}?code=c&state=${state}`, { accept: 'application/json', 'sec-purpose': 'prefetch' }), {
    status: 503,
    body: /GW-SPECULATION/
  })
})

t.test('the callback that is shared may be that of one of the tenants', async t => {
  const own = 'https://one.example.com/login/callback'
  const gateway = await startSeveral(t, () => [
    entryFor('one', 'https://one.example.com', plain, { callbackUrl: own }),
    entryFor('two', 'https://two.example.com', plain, { callbackUrl: own })
  ])
  const stateOf = async (url: string) =>
    String(new URL(String((await gateway.get(`${url}/login`)).headers.location)).searchParams.get('state'))
  t.match(await gateway.get(`${own}?code=c&state=${await stateOf('https://two.example.com')}`), {
    status: 303,
    headers: { location: /^https:\/\/two\.example\.com\/login\/callback\?code=c&state=/ }
  })
  t.match(
    await gateway.get(`${own}?code=c&state=${await stateOf('https://one.example.com')}`, { accept: 'application/json' }),
    { status: 400, body: /GW-LOGIN/ },
    'its own are not sent on'
  )
})

t.test('a shared callback has the form of one, and hides nothing of a tenant', async t => {
  const faultsOf = (...callbacks: string[]) => {
    const faults: string[] = []
    checkTenants(
      { sessionKeys: sessionKey },
      callbacks.map((callbackUrl, at) => entryFor(`t${at}`, `https://t${at}.example.com/a`, plain, { callbackUrl })),
      faults
    )
    return faults
  }
  t.same(faultsOf(callbackUrl, 'https://t0.example.com/a/login/callback', 'https://t0.example.com/login/callback'), [])
  t.match(faultsOf('https://login.example.com/callback'), [/^tenants\[0\]\.callbackUrl does not end in \/login\/callback/])
  t.match(faultsOf('https://t0.example.com/a/api/login/callback'), [/^tenants\[0\]\.callbackUrl is below the public URL of tenants\[0\]/])
})
