import fc from 'fast-check'
import t from 'tap'
import { isBelow, readTarget } from '../../src/admission/target.js'
import { nowhere, startGateway } from '../helpers/gateway.js'
import { sendRaw } from '../helpers/raw.js'

function codeOf (url: string, basePath = ''): string | undefined {
  try {
    readTarget(url, basePath)
    return undefined
  } catch (error) {
    return (error as { code: string }).code
  }
}

const accepted = [
  '/', '/api/v1/items', '/api/v1/items/', '/a?', '/a?b=c&d=%zz&../..//', '/a/..b/c../...', '/a/.well', '/~a/-._~!$&\'()*+,;=:@',
  '/a/b;c=d/e', '/a;..', '/a%2Fb/c%2fd', '/a%20b/%C3%BC',
  '/a/%25', '/a/100%25', '/files/50%2525', '/%41', '/a%2F%2Fb', '/...', '/a/%2E%2E%2E'
]

// CVE-2021-21322, CVE-2026-15631, CVE-2026-85124, CVE-2026-127060, CVE-2026-129502: each is a spelling that some server
// resolved after another had judged it.
const refused = [
  '', '?', 'api', '*', 'http://evil.example/', '//evil.example/x', '/a//b', '/a//', '/a/../b', '/a/./b', '/..', '/.', '/a/..',
  '/a/.', '/../a', '/a/..?x', '/a/..;/b', '/a/..;x=1/b', '/a/.;/b',
  '/a/%2e%2e/b', '/a/%2E./b', '/a/.%2e/b', '/a/%2e/b', '/a/%2e%2e', '/a/%252e%252e/b', '/a/%25252e%25252e/b', '/a/..%2fb',
  '/a/..%2Fb', '/a/%2e%2e%2fb', '/a/..%252fb', '/a/..%25252fb',
  '/a/%2e%2e;/b', '/a/..%3b/b', '/a/..%253b/b', '/a\\b', '/a/..\\b', '\\a', '/a%5cb', '/a%5Cb', '/a%5c..%5cb', '/a/..%5cb',
  '/a/..%255cb', '/a#b', '/a?b#c', '/#', '/a b', '/a\tb', '/a\u0000b', '/a%00b', '/a%0ab', '/a%0D%0Ab', '/a%7fb',
  '/a%1fb', '/ü', '/a?ü', '/a?\u0000', '/%', '/a%', '/a%2', '/a%zz', '/a%u002e', '/%c0%ae%c0%ae/a', '/%e0%80%ae', '/%ff',
  '/%ed%a0%80', '/%c3'
]

t.test('a path that every server reads alike is taken byte for byte', async t => {
  for (const url of accepted) {
    const [path, query] = url.split(/(?=\?)/, 2)
    t.same(readTarget(url, ''), { path, query: query ?? '' }, url)
  }
})

t.test('a path that two servers could read differently is refused', async t => {
  t.same(refused.filter(url => codeOf(url) !== 'GW-BAD-TARGET'), [])
  t.same(refused.filter(url => url.startsWith('/') && codeOf(`/qlik${url}`, '/qlik') !== 'GW-BAD-TARGET'), [], 'below a base path')
})

t.test('below a base path its own part is dropped, and what lies beside it is not found', async t => {
  t.same(readTarget('/qlik', '/qlik'), { path: '/', query: '' })
  t.same(readTarget('/qlik?a', '/qlik'), { path: '/', query: '?a' })
  t.same(readTarget('/qlik/api?a', '/qlik'), { path: '/api', query: '?a' })
  for (const url of ['/', '/qlikx', '/qlik2/api', '/Qlik/api', '/%71lik/api', '/x/qlik', '/qlik%2Fapi', '/qlik;x/api', '/api?/qlik/']) {
    t.equal(codeOf(url, '/qlik'), 'GW-NOT-FOUND', url)
  }
})

t.test('a prefix holds itself and what lies below it', async t => {
  for (const path of ['/api', '/api/', '/api/v1']) t.ok(isBelow(path, '/api'), path)
  for (const path of ['/', '/ap', '/apis', '/api2/x', '/api;x', '/API', '/x/api']) t.notOk(isBelow(path, '/api'), path)
  for (const path of ['/', '/x']) t.ok(isBelow(path, ''), path)
})

const pieces = fc.constantFrom(
  '/', '/', '/', '.', '..', '%2e', '%2E', '%252e', '%25252e', '%25', '2e', '2f', '5c', '%2f', '%2F', '%252F', '%5c', '%255c', '\\',
  ';', '%3b', '%253b', 'a', 'b', 'api', 'oauth', '%61', '%41', '%c3%bc', '%c0%ae', '%', '%0a', '%00', '%20',
  '+', ':', '@', '~', '?', '#', '&', '=', 'http:', ' '
)
const targets = fc.oneof(
  fc.array(pieces, { maxLength: 10 }).map(parts => `/${parts.join('')}`),
  fc.webPath(),
  fc.string({ maxLength: 20 }).map(text => `/${text}`)
)

t.test('whatever path is accepted means the same to the URL standard and holds no dot segment after three decodings', async t => {
  let taken = 0
  fc.assert(fc.property(targets, url => {
    if (codeOf(url) !== undefined) return
    taken++
    const { path, query } = readTarget(url, '')
    const parsed = new URL(path + query, 'https://gateway.example')
    // The standard encodes what it does not allow plain, as a quotation mark: another spelling of the same path.
    const same =
      decodeURIComponent(parsed.pathname) === decodeURIComponent(path) && parsed.pathname.split('/').length === path.split('/').length
    if (path + query !== url || !same || parsed.origin !== 'https://gateway.example') throw new Error(`read as ${parsed.href}`)
    let decoded = path
    for (let round = 0; round < 4; round++) {
      // %2F and ; are data: as separators they only count for dots.
      const names = decoded.split(/[/\\]/).map(segment => segment.split(';', 1)[0])
      if (names.includes('.') || names.includes('..')) throw new Error(`a dot segment after ${round} decodings`)
      try {
        decoded = decodeURIComponent(decoded)
      } catch {
        if (round === 0) throw new Error('malformed encoding')
        break
      }
    }
  }), { numRuns: Number(process.env.FC_RUNS ?? 2_000), verbose: true })
  t.ok(taken > 100, `${taken} paths were accepted`)
})

t.test('on the wire, nothing that is refused reaches a route, over HTTP nor on an upgrade', async t => {
  const { origin } = await startGateway(t, { tenant: nowhere })
  const upgrade =
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
  const reached: [url: string, status: number][] = []
  for (const url of refused.filter(each => each !== '')) {
    const { status } = await sendRaw(t, origin, `GET /api${url} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
    const isRefused = status === 400 || (status === 404 && !url.startsWith('/')) || (status === 401 && /^\??$/.test(url))
    if (!isRefused) reached.push([url, status])
    if (!url.startsWith('/')) continue
    const upgraded = await sendRaw(t, origin, `GET /app${url} HTTP/1.1\r\nHost: localhost\r\nOrigin: ${origin}\r\n${upgrade}\r\n`)
    if (upgraded.status !== 400) reached.push([`${url} by an upgrade`, upgraded.status])
  }
  t.same(reached, [])
})

t.test('an encoded spelling of a route is not found, so that no rule for the route is stepped around', async t => {
  const { app } = await startGateway(t, { tenant: nowhere })
  const found: [method: string, url: string, status: number][] = []
  for (const url of [
    '/%61pi', '/%61pi/v1/items', '/ap%69/v1/items', '/%6Cogin', '/login/%63allback', '/%67ateway/session',
    '/%71lik-embed/main.js', '/healt%68z', '/api%2Fv1/items', '/%61pp/x'
  ]) {
    for (const method of ['GET', 'HEAD', 'OPTIONS'] as const) {
      const { statusCode, body } = await app.inject({ url, method })
      if (statusCode !== 404 || (method !== 'HEAD' && !body.includes('GW-NOT-FOUND'))) found.push([method, url, statusCode])
    }
  }
  t.same(found, [])
})
