import fc from 'fast-check'
import type { Transform } from 'node:stream'
import t from 'tap'
import { createLinks } from '../../src/tenants/links.js'
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
  t.equal(
    links.rewriteLinkHeader('<https://tenant.eu.example/a?x=1>; rel="next", </b>; rel="prev", <https://other.example/>; rel="x"'),
    '<https://app.example/qlik/a?x=1>; rel="next", </qlik/b>; rel="prev", <https://other.example/>; rel="x"'
  )
})

/** What comes out of a stream for each of the pieces that go in, and at the end. */
function passPieces (stream: Transform, pieces: string[]): string[] {
  const passed = pieces.map(piece => {
    stream.write(piece)
    return String(stream.read() ?? '')
  })
  stream.end()
  return [...passed, String(stream.read() ?? '')]
}

t.test('a piece of a stream waits for nothing but the rest of what may become an address', async t => {
  const immediate = [
    '{"n":1}\n', '"', '"a text"', '{"a":"b', '"https://other', '"https:/x', '"ftp', '"hx',
    '"https://tenant.eu.example.evil', '"https://tenant.eu.example:84', '"a\\"https', '"https://tenant.eu.example/'
  ]
  for (const piece of immediate) t.same(passPieces(links.rewriteJson(), [piece]).slice(1), [''], piece)
  const waiting = [
    '"h', '"HTTP', '"wss:', '"https:\\', '"https:\\u00', '"https:/', '"https:\\/\\/', '"https://tenant',
    '"https://Tenant.EU.example', '"https://tenant.eu.example:44', '"https://tenant.eu.example\\u00'
  ]
  for (const piece of waiting) t.same(passPieces(links.rewriteJson(), [piece]), ['"', piece.slice(1)], piece)
})

t.test('what was passed on already is remembered where it decides about the rest', async t => {
  const rest = 'https://tenant.eu.example/x"'
  t.same(passPieces(links.rewriteJson(), ['{"a":"', rest]), ['{"a":"', 'https://app.example/qlik/x"', ''])
  t.same(passPieces(links.rewriteJson(), ['"he said \\', `"${rest}`]), ['"he said \\', `"${rest}`, ''])
  t.same(passPieces(links.rewriteJson(), ['"a path\\', '\\', `",${'"'}${rest}`]), ['"a path\\', '\\', '","https://app.example/qlik/x"', ''])
})

t.test('pieces that name no host of the tenant are passed on and not copied', async t => {
  const piece = Buffer.from('{"n":1}')
  const stream = links.rewriteJson()
  stream.write(piece)
  t.equal((stream.read() as Buffer).buffer, piece.buffer)
})

t.test('what was read through the gateway and is written back reaches the tenant as it was', async t => {
  const address = fc.constantFrom('https://tenant.eu.example', 'wss://tenant.eu.example')
  const path = fc.constantFrom('', '/', '/api/v1/items?x=https://tenant.eu.example/', '?y', '#z')
  const string = fc.oneof(fc.tuple(address, path).map(parts => parts.join('')), fc.string(), fc.constantFrom(...untouched))
  const spelling = fc.constantFrom(
    (json: string) => json,
    (json: string) => json.replaceAll('/', '\\/'),
    (json: string) => json.replaceAll('/', '\\u002f'),
    (json: string) => json.replaceAll('/', '\\u002F')
  )
  const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 })
  // What names the gateway itself at the tenant is told from nothing that was rewritten.
  const document = fc
    .dictionary(fc.string(), fc.oneof(string, fc.array(string), fc.double()))
    .filter(value => !JSON.stringify(value).includes('"https://app.example'))
  await fc.assert(fc.asyncProperty(document, spelling, sizes, async (value, spell, pieces) => {
    const stored = Buffer.from(spell(JSON.stringify(value)))
    const shown = links.rewriteWhole(stored)
    if (!links.toTenant.rewriteWhole(shown).equals(stored)) return false
    return await rewrite(shown, pieces, { rewriteJson: links.toTenant.rewriteStream }) === stored.toString('latin1')
  }), { numRuns: Number(process.env.FC_RUNS ?? 1_000) })
})

t.test('on the way back only the public URL as it is written is the tenant\'s address', async t => {
  const back = (json: string) => links.toTenant.rewriteText(json)
  t.equal(back('"https://app.example/qlik"'), '"https://tenant.eu.example"')
  t.equal(back('"https:\\/\\/app.example\\/qlik\\/x"'), '"https:\\/\\/tenant.eu.example\\/x"')
  t.equal(back('"wss://app.example/qlik/app/1"'), '"wss://tenant.eu.example/app/1"')
  for (const other of [
    '"https://app.example/qlikview"', '"https://app.example/x"', '"http://app.example/qlik/x"',
    '"https://app.example:8443/qlik"', '"see https://app.example/qlik"', '"https://APP.example/qlik"'
  ]) {
    t.equal(back(other), other)
  }
  t.equal(
    local.toTenant.rewriteText('"http://localhost:3000/a" "ws://localhost:3000/app" "http://localhost:30001"'),
    '"http://localhost:4001/a" "ws://localhost:4001/app" "http://localhost:30001"'
  )
})

t.test('the version of links changes with the hostnames of the tenant and the public URL, and with nothing else', async t => {
  const create = (publicUrl = 'https://app.example') => createLinks(new URL('https://tenant.eu.example'), new URL(publicUrl))
  const [one, other] = [create(), create()]
  t.equal(one.version, other.version)
  t.not(one.version, create('https://app.example/qlik').version)
  const before = one.version
  one.useHostnames(['Tenant.eu.example', 'alias.example'])
  t.not(one.version, before)
  other.useHostnames(['alias.example', 'tenant.eu.example'])
  t.equal(one.version, other.version)
})
