import fc from 'fast-check'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { createLinks } from '../../src/forward/links.js'

const links = createLinks(new URL('https://tenant.eu.example'), new URL('https://app.example/qlik'))
links.useHostnames(['tenant.eu.example', 'analytics.eu.example', 'app.example'])
const local = createLinks(new URL('http://localhost:4001'), new URL('http://localhost:3000'))

async function rewrite (text: string | Buffer, sizes: number[] = [], by = links): Promise<string> {
  const whole = Buffer.from(text)
  const chunks: Buffer[] = []
  let at = 0
  for (const size of [...sizes, whole.length]) {
    chunks.push(whole.subarray(at, at + size))
    at += size
  }
  return (await buffer(Readable.from(chunks.filter(chunk => chunk.length > 0)).pipe(by.rewriteJson()))).toString('latin1')
}

const cases: [string, string][] = [
  ['"https://tenant.eu.example/api/v1/items?page=2"', '"https://app.example/qlik/api/v1/items?page=2"'],
  ['"https://tenant.eu.example:443/api"', '"https://app.example/qlik/api"'],
  ['"http://tenant.eu.example:80/api"', '"https://app.example/qlik/api"'],
  ['"HTTPS://Tenant.EU.example"', '"https://app.example/qlik"'],
  ['"wss://tenant.eu.example/app/1"', '"wss://app.example/qlik/app/1"'],
  ['"https:\\/\\/tenant.eu.example\\/api"', '"https:\\/\\/app.example\\/qlik\\/api"'],
  ['"https:\\u002f\\u002Ftenant.eu.example\\u002fapi\\/x"', '"https:\\u002f\\u002fapp.example\\u002fqlik\\u002fapi\\/x"'],
  ['"https://tenant.eu.example\\u003fx"', '"https://app.example/qlik\\u003fx"'],
  ['"https://analytics.eu.example/api"', '"https://app.example/qlik/api"'],
  ['"wss://Analytics.eu.example:443"', '"wss://app.example/qlik"'],
  ['"https://tenant.eu.example#x"', '"https://app.example/qlik#x"'],
  ['{"a\\\\":"https://tenant.eu.example/x"}', '{"a\\\\":"https://app.example/qlik/x"}']
]

const untouched = [
  '"https://tenant.eu.example.evil.example/x"',
  '"https://tenant.eu.example:8443/x"',
  '"https://tenantXeu.example/x"',
  '"https://other.example/?u=https://tenant.eu.example/x"',
  '"see https://tenant.eu.example/x"',
  '"he said \\"https://tenant.eu.example/x\\""',
  '"ftp://tenant.eu.example/x"',
  '"//tenant.eu.example/x"',
  '"https://tenant.eu.example@evil.example"',
  '"https://tenant.eu.example\\u002eevil.example"',
  '"https://tenant.eu.example\\"https://tenant.eu.example',
  '"https://analytics.eu.example.evil.example/x"',
  '"https://app.example/x"',
  '"ü € 😀"', '\uFEFF{}', '', '"', '"https:', '{"n":1.10,"e":1e400}'
]

t.test('a string that begins with an address of the tenant begins with the gateway\'s', async t => {
  for (const [given, expected] of cases) t.equal(await rewrite(given), expected, given)
  t.equal(await rewrite('"http://localhost:4001/a" "http://localhost:40011/a" "https://localhost/a" "ws://localhost:4001/app"', [], local),
    '"http://localhost:3000/a" "http://localhost:40011/a" "https://localhost/a" "ws://localhost:3000/app"')
})

t.test('everything else stays, byte for byte', async t => {
  for (const text of untouched) t.equal(await rewrite(text), Buffer.from(text).toString('latin1'), text)
})

t.test('any chunking of any JSON gives the same bytes as the whole', async t => {
  const piece = fc.constantFrom(...cases.map(([given]) => given), ...untouched, '\\', '\\\\', '"', '\\"', ',', 'https://tenant.eu.example', '\\/', 'x'.repeat(200))
  const text = fc.oneof(fc.array(piece, { maxLength: 8 }).map(pieces => pieces.join('')), fc.json())
  await fc.assert(fc.asyncProperty(text, fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 60 }), async (json, sizes) => {
    return await rewrite(json, sizes) === await rewrite(json)
  }), { numRuns: Number(process.env.FC_RUNS ?? 1_000) })
})

t.test('only a few bytes wait for what follows', async t => {
  const stream = links.rewriteJson()
  let passed = 0
  stream.on('data', (chunk: Buffer) => { passed += chunk.length })
  stream.write(`"${'\\'.repeat(100_000)}`)
  await new Promise(setImmediate)
  t.ok(passed > 99_900, String(passed))
  stream.destroy()
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
