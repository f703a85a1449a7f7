import t from 'tap'
import { alice, bob } from '../identities.js'
import { startTenant } from '../tenant.js'
import { login, submitForm } from '../../test/helpers/browser-jar.js'
import {
  authorize,
  buildAuthorization,
  callApi,
  callbackUri,
  createClientBrowser,
  exchangeCode,
  obtainTokens
} from '../../test/helpers/oauth-login.js'

t.test('logging in at the sandbox tenant', async t => {
  const lines: string[] = []
  const tenant = await startTenant({ redirectUris: [callbackUri], log: line => { lines.push(line) } })
  t.teardown(async () => { await tenant.close() })
  t.afterEach(() => { tenant.controls.clear() })

  t.test('goes through the identity provider and back with a code and the state', async t => {
    const browser = createClientBrowser()
    const { callback } = await authorize(tenant, alice, {}, browser)
    t.equal(callback.searchParams.get('state'), 'state-of-the-test')
    t.ok(callback.searchParams.get('code'))
    t.equal(callback.searchParams.get('iss'), null)
    const origins = browser.hops.map(({ to }) => new URL(to).origin)
    t.same(
      origins.filter((origin, index) => origin !== origins[index - 1]),
      [tenant.origin, tenant.idpOrigin, tenant.origin, new URL(callbackUri).origin]
    )
  })

  t.test('a second login needs no password, even after the tenant\'s own /logout, which ends only the tenant\'s session', async t => {
    const browser = createClientBrowser()
    await authorize(tenant, alice, {}, browser)
    browser.hops.length = 0
    await browser.fetch(buildAuthorization(tenant).url)
    t.notOk(browser.hops.some(({ to }) => to.startsWith(tenant.idpOrigin)), 'the tenant still knows the browser')
    t.equal((await browser.fetch(`${tenant.origin}/logout`)).status, 200)
    browser.hops.length = 0
    const end = await browser.fetch(buildAuthorization(tenant).url)
    t.ok(browser.hops.some(({ to }) => to.startsWith(tenant.idpOrigin)), 'the tenant asks the identity provider again')
    t.ok(end.headers.get('location')?.startsWith(callbackUri), 'which asks nobody')
  })

  t.test('a wrong password is said, and the next try succeeds', async t => {
    const browser = createClientBrowser()
    const refused = await login(browser, buildAuthorization(tenant).url, { ...bob, password: 'wrong <b>' })
    t.equal(refused.status, 401)
    const page = await refused.clone().text()
    t.match(page, 'role="alert"')
    t.match(page, 'value="bob@example.com"')
    const end = await submitForm(browser, refused, { username: 'bob', password: bob.password })
    t.ok(end.headers.get('location')?.startsWith(callbackUri))
  })

  t.test('the user\'s profile and groups come from the identity provider\'s claims', async t => {
    for (const identity of [alice, bob]) {
      const { access_token: token } = await obtainTokens(tenant, identity)
      const me = await callApi(tenant, token, '/api/v1/users/me', { redirect: 'manual' })
      t.equal(me.status, 302)
      t.equal(me.headers.get('location'), `${tenant.origin}/api/v1/users/${identity.id}`)
      const profile = await callApi(tenant, token, '/api/v1/users/me')
      t.match(await profile.json(), {
        id: identity.id,
        name: identity.name,
        email: identity.email,
        subject: identity.subject,
        assignedGroups: identity.groups.map(name => ({ name }))
      })
    }
  })

  t.test('through the alias the identity provider refuses the redirect URI, which names the alias', async t => {
    const browser = createClientBrowser()
    const { url } = buildAuthorization(tenant, {}, tenant.aliasOrigin)
    const page = await browser.fetch(url)
    t.equal(page.status, 400)
    t.equal(new URL(page.url).origin, tenant.idpOrigin)
    t.equal(new URL(page.url).searchParams.get('redirect_uri'), `${tenant.aliasOrigin}/login/callback`)
    t.match(await page.text(), /original hostname, not its alias/)
    const metadata = await (await fetch(`${tenant.aliasOrigin}/.well-known/oauth-authorization-server`)).json() as { issuer: string }
    t.equal(metadata.issuer, tenant.origin)
  })

  t.test('a disabled user comes back with access_denied', async t => {
    await obtainTokens(tenant, bob)
    tenant.controls.disableUser(bob.id)
    const { callback } = await authorize(tenant, bob)
    t.equal(callback.searchParams.get('error'), 'access_denied')
    t.equal(callback.searchParams.get('state'), 'state-of-the-test')
  })

  t.test('a callback that belongs to no login of this browser is refused', async t => {
    const { callback } = await authorize(tenant, alice)
    t.ok(callback.searchParams.get('code'))
    const stray = await fetch(`${tenant.origin}/login/callback?code=x&state=y`)
    t.equal(stray.status, 400)
    t.match(await stray.json(), { errors: [{ code: 'LOGIN-1', status: '400' }] })
  })

  t.test('where consent is required the user is asked, and can deny', async t => {
    tenant.controls.setClient({ consent: 'required' })
    t.teardown(() => { tenant.controls.setClient({ consent: 'trusted' }) })
    const browser = createClientBrowser()
    const { url, verifier } = buildAuthorization(tenant)
    const page = await login(browser, url, alice)
    t.match(await page.clone().text(), /Allow access\?[^]*user_default[^]*offline_access/)
    const allowed = await submitForm(browser, page, { decision: 'allow' })
    const tokens = await exchangeCode(tenant, { callback: new URL(allowed.headers.get('location') ?? ''), verifier })
    t.match(await tokens.json(), { scope: 'user_default offline_access', refresh_token: String })
    const again = await browser.fetch(buildAuthorization(tenant).url)
    const denied = await submitForm(browser, again, { decision: 'deny' })
    const callback = new URL(denied.headers.get('location') ?? '')
    t.equal(callback.searchParams.get('error'), 'access_denied')
    t.ok(callback.searchParams.get('error_code'))
    t.ok(callback.searchParams.get('error_detail'))
  })

  t.same(lines, [], 'nothing was logged as an error')
})
