import fc from 'fast-check'
import { request as httpRequest, Agent } from 'node:http'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { WebSocketServer } from 'ws'
import { readTarget } from '../../src/admission/target.js'
import { startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { startNginx } from '../helpers/nginx.js'
import { reservePort } from '../helpers/ports.js'
import { sendRaw } from '../helpers/raw.js'
import { serveHttp } from '../helpers/servers.js'
import { startBeforeUpstream } from '../helpers/upstream.js'

const runs = Number(process.env.FC_RUNS ?? 500)

const agent = new Agent({ keepAlive: true })
t.teardown(() => { agent.destroy() })

/** Asks for exactly this target. */
async function ask (origin: string, path: string, headers: Record<string, string> = {}): Promise<{ status: number, body: string }> {
  const { hostname, port } = new URL(origin)
  return await new Promise((resolve, reject) => {
    const request = httpRequest({ agent, host: hostname, port, path, headers }, answer => {
      answer.setEncoding('latin1')
      text(answer).then(body => { resolve({ status: answer.statusCode as number, body }) }, reject)
    })
    request.once('error', reject)
    request.end()
  })
}

const pieces = fc.constantFrom(
  '/',
  '/',
  'api',
  'app',
  '.',
  '..',
  '%2e',
  '%2E%2e',
  '%2f',
  '%2F',
  '%5c',
  '%252e',
  '%25',
  ';',
  ';x=1',
  '..;',
  'a',
  '%C3%A9',
  '%41',
  '~',
  '+',
  '*',
  "'",
  ':',
  '@',
  '!',
  '$',
  '&',
  '=',
  ',',
  '(',
  '%20',
  '%3F',
  '%23',
  '%3B',
  '{',
  '|',
  '[',
  '%80',
  '%c0%ae'
)
const paths = fc.oneof(
  fc.array(pieces, { maxLength: 12 }).map(parts => `/${parts.join('')}`),
  fc.webPath().map(path => `/${path.replace(/^\/+/, '')}`),
  fc.array(fc.webSegment(), { maxLength: 5 }).map(parts => `/${parts.join('/')}`)
)

function isAccepted (path: string): boolean {
  try {
    readTarget(path, '')
    return true
  } catch {
    return false
  }
}

/** The bytes of a path, one character each. */
const bytesOf = (path: string) => path.replace(/%([0-9a-f]{2})/gi, (_match, hex: string) => String.fromCharCode(parseInt(hex, 16)))

// CVE-2021-21322, CVE-2026-15631, CVE-2026-85124, CVE-2026-127060, CVE-2026-129502: what was judged was not what was served.
t.test('a path that is accepted means the same to nginx and to the URL standard', async t => {
  const origin = `http://127.0.0.1:${await reservePort()}`
  await startNginx(t, origin, `server { listen ${new URL(origin).host}; default_type text/plain; location / { return 200 "$uri"; } }`)
  let taken = 0
  await fc.assert(fc.asyncProperty(paths, async path => {
    if (!isAccepted(path)) return
    taken++
    const { status, body } = await ask(origin, path)
    // To nginx %2F is a slash, and several are one; no segment may go up or away by that.
    const ours = bytesOf(path).replace(/\/{2,}/g, '/')
    if (status !== 200 || body !== ours) throw new Error(`${path} is ${body} to nginx (${status})`)
    const { pathname } = new URL(path, 'http://gateway.example')
    if (bytesOf(pathname) !== bytesOf(path) || pathname.split('/').length !== path.split('/').length) {
      throw new Error(`${path} is ${pathname} to the URL standard`)
    }
  }), { numRuns: runs })
  t.ok(taken > runs / 10, `${taken} of ${runs} paths were accepted`)
})

// CVE-2025-54576
t.test('rules see the path alone: nothing in the query or a header opens what the path does not, and no host but the ' +
  'tenant is asked', async t => {
  const asked: string[] = []
  const { server, origin: upstream } = await serveHttp(t, (request, response) => {
    asked.push(`${request.headers.host} ${request.url}`)
    response.end('ok')
  })
  const engine = new WebSocketServer({ server })
  engine.on('connection', (_socket, request) => { asked.push(`${request.headers.host} ${request.url}`) })
  const { origin, cookie } = await startGateway(t, { tenant: { origin: upstream } })
  const misleading = {
    'x-original-url': '/assets/x',
    'x-rewrite-url': '/assets/x',
    'x-forwarded-uri': '/assets/x',
    'x-forwarded-path': '/assets/x',
    'x-forwarded-prefix': '/assets',
    'x-forwarded-host': 'evil.example',
    forwarded: 'host=evil.example',
    'x-http-method-override': 'GET'
  }
  for (const path of ['/api/x?/assets/x', '/api/x?path=/assets/x&..%2f..%2fassets', '/sense/x?/healthz', '/app/x?/assets/']) {
    for (const headers of [{}, misleading, { ...misleading, host: 'evil.example' }]) {
      t.equal((await ask(origin, path, headers)).status, path.startsWith('/app') ? 426 : 401, path)
    }
  }
  t.equal((await ask(origin, '/oauth/token?/api/x', { cookie, ...misleading })).status, 404)
  t.same(asked, [])
  await ask(origin, '/api/x?a=//evil.example/../x', { cookie, host: 'evil.example', ...misleading })
  const upgrade = `Cookie: ${cookie}\r\nOrigin: ${origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
  const socket = sendRaw(
    t,
    origin,
    `GET /app/x?a=//evil.example/../x HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\n${upgrade}\r\n`
  )
  await until(() => asked.length === 2)
  for (const client of engine.clients) client.terminate()
  await socket
  const { host } = new URL(upstream)
  t.same(asked, [`${host} /api/x?a=//evil.example/../x`, `${host} /app/x?a=//evil.example/../x`])
})

t.test('the path and the query are forwarded byte for byte, without an accessToken', async t => {
  const { ask, received } = await startBeforeUpstream(t, (_request, response) => { response.end('ok') })
  const paths = ['/api/v1/a%2Fb;c=d', '/api/%7Euser/~x', '/api/v1/x?a=1&a=2&b=%zz&c=[|]&d="{}"', '/api/a{b}|c"^`', '/api?x', '/api/']
  for (const path of paths) await text(await ask(path))
  t.same(received.map(({ url }) => url), paths)
  received.length = 0
  for (const path of [
    '/api/x?accessToken=a', '/api/x?a=1&access_token=b&c', '/api/x?%61ccessToken=c&d=accessToken', '/api/x?ACCESSTOKEN'
  ]) {
    await text(await ask(path))
  }
  t.same(received.map(({ url }) => url), ['/api/x', '/api/x?a=1&c', '/api/x?d=accessToken', '/api/x'])
})
