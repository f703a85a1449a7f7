import t from 'tap'
import { cases, links, local, rewrite, untouched } from '../helpers/links.js'

t.test('a string that begins with an address of the tenant begins with the gateway\'s', async t => {
  for (const [given, expected] of cases) t.equal(await rewrite(given), expected, given)
  t.equal(await rewrite('"http://localhost:4001/a" "http://localhost:40011/a" "https://localhost/a" "ws://localhost:4001/app"', [], local),
    '"http://localhost:3000/a" "http://localhost:40011/a" "https://localhost/a" "ws://localhost:3000/app"')
})

t.test('everything else stays, byte for byte', async t => {
  for (const text of untouched) t.equal(await rewrite(text), Buffer.from(text).toString('latin1'), text)
})

t.test('a Location on the tenant leads to the gateway, another one stays', async t => {
  const of: Record<string, string> = {
    'https://tenant.eu.example/sense?x#y': 'https://app.example/qlik/sense?x#y',
    'https://tenant.eu.example': 'https://app.example/qlik',
    '/api/v1/users/1': '/qlik/api/v1/users/1',
    '//other.example/x': '//other.example/x',
    '//tenant.eu.example/x': 'https://app.example/qlik/x',
    'https://analytics.eu.example:443/x': 'https://app.example/qlik/x',
    'https://app.example/x': 'https://app.example/x',
    '/\\other.example': '/\\other.example',
    relative: 'relative',
    'https://idp.example/?u=https://tenant.eu.example/x': 'https://idp.example/?u=https://tenant.eu.example/x'
  }
  for (const [given, expected] of Object.entries(of)) t.equal(links.rewriteLocation(given), expected)
  t.equal(local.rewriteLocation('/x'), '/x')
})

t.test('the targets of a Link header lead to the gateway', async t => {
  t.equal(links.rewriteLinkHeader('<https://tenant.eu.example/a?x=1>; rel="next", </b>; rel="prev", <https://other.example/>; rel="x"'), '<https://app.example/qlik/a?x=1>; rel="next", </qlik/b>; rel="prev", <https://other.example/>; rel="x"')
})
