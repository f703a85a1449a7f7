import fc from 'fast-check'
import t from 'tap'
import { startGateway } from '../helpers/gateway.js'
import { judgeReturnAddress } from '../../src/login/return-address.js'

const rules = {
  publicUrl: new URL('https://app.example/qlik'),
  home: 'https://app.example/qlik/',
  embedOrigins: new Set(['https://portal.example', 'http://localhost:8080'])
}
const judge = (asked: unknown) => judgeReturnAddress(asked, rules)

t.test('a path or an address of an allowed origin is returned whole', async t => {
  const cases: Record<string, string> = {
    '/': 'https://app.example/',
    '/page?a=1&b=%2F#part': 'https://app.example/page?a=1&b=%2F#part',
    '/a%20b/ü': 'https://app.example/a%20b/%C3%BC',
    'https://app.example/other#x': 'https://app.example/other#x',
    'HTTPS://PORTAL.example/page': 'https://portal.example/page',
    'https://portal.example:443/page?x#y': 'https://portal.example/page?x#y',
    'http://localhost:8080': 'http://localhost:8080/',
    '/qlik/loginpage': 'https://app.example/qlik/loginpage'
  }
  for (const [asked, expected] of Object.entries(cases)) t.equal(judge(asked), expected, asked)
})

t.test('anything else leads home', async t => {
  const hostile = [
    undefined, null, 1, ['/a', '/b'], '', ' ', ' /a', '/a b', '/a\tb', '/\n/evil.example', '//evil.example', '///evil.example',
    '/\\evil.example', '\\\\evil.example',
    '/\t/evil.example', 'https:evil.example', 'https:/evil.example', 'https:///evil.example', 'https:\\\\evil.example',
    'evil.example', 'page', './page', '../page', '?x', '#x',
    'javascript:alert(1)', 'data:text/html,x', 'ftp://app.example/', 'blob:https://app.example/x', 'https://evil.example/',
    'https://app.example.evil.example/',
    'https://evil-app.example/', 'https://app.example@evil.example/', 'https://user@app.example/', 'https://:pw@app.example/',
    'https://app.example:444/', 'http://app.example/',
    'https://sub.portal.example/', 'http://portal.example/', 'https://portal.example\u0000.evil.example/',
    'https://app.example\\@evil.example/', 'https://[::1', '/%', '/%zz',
    '/qlik/login', '/qlik/login?returnto=/qlik/login', '/qlik/login/callback', '/qlik/logout', '/qlik/%6Cogin',
    '/x/../qlik/login', 'https://app.example/qlik/logout?x', `/${'x'.repeat(8_200)}`, `/${'ü'.repeat(1_400)}`
  ]
  t.same(hostile.filter(asked => judge(asked) !== rules.home), [])
})

// oauth2-proxy, mod_auth_openidc, Auth0 and Duende each had a spelling that browsers read as another host.
t.test('whatever is asked for, the address is on an allowed origin by the WHATWG parser\'s reading', async t => {
  const part = fc.constantFrom(
    '/', '//', '\\', '\t', '\r\n', '.', '..', '%2f', '%5c', '%09', '@', ':', '#', '?', 'https:', 'https://',
    'app.example', 'evil.example', 'portal.example', 'javascript:', '\u0000', 'ü', ';', '[', ']', '443', 'x'
  )
  const allowed = new Set([rules.publicUrl.origin, ...rules.embedOrigins])
  const joined = fc.array(part, { maxLength: 12 }).map(parts => parts.join(''))
  fc.assert(fc.property(fc.oneof(fc.string({ maxLength: 40 }), fc.webUrl(), joined), asked => {
    const address = judge(asked)
    return allowed.has(new URL(address, 'https://elsewhere.example').origin) && new URL(address).username === ''
  }), { numRuns: Number(process.env.FC_RUNS ?? 2_000) })
})

// CVE-2025-67716
t.test('nothing of the query of /login reaches the authorization URL, and what it holds never nests', async t => {
  const { app, origin } = await startGateway(t, { tenant: { origin: 'https://tenant.example' } })
  const names = ['client_id', 'code_challenge', 'code_challenge_method', 'redirect_uri', 'response_type', 'scope', 'state']
  for (const query of [
    '',
    '?client_id=evil&redirect_uri=https://evil.example&scope=admin&state=mine&response_type=token&prompt=none&iss=x&code_challenge=x',
    '?returnto=/login?returnto=/x', `?returnto=/${'x'.repeat(8_192)}`, '?returnto[]=x&__proto__=1'
  ]) {
    const { statusCode, headers } = await app.inject(`/login${query}`)
    t.equal(statusCode, 302)
    const url = new URL(String(headers.location))
    t.equal(url.origin + url.pathname, 'https://tenant.example/oauth/authorize')
    t.same([...url.searchParams.keys()].sort(), names)
    t.match(Object.fromEntries(url.searchParams), {
      client_id: 'id',
      redirect_uri: `${origin}/login/callback`,
      scope: 'user_default offline_access',
      response_type: 'code',
      code_challenge_method: 'S256'
    })
    t.notMatch(url.href, /evil|mine|admin/)
  }
})
