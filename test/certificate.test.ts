import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { get, type RequestOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { readConfig, type ConfigError } from '../src/settings/config.js'
import { createServer } from '../src/serve.js'
import { createCertificate } from './helpers/certificate.js'
import { accept, hello } from './helpers/engine-sockets.js'
import { failureOf } from './helpers/failure.js'
import { makeFolder } from './helpers/folder.js'
import { settingsFor } from './helpers/gateway.js'
import { until } from './helpers/log.js'
import { noteOutput } from './helpers/run-record.js'
import { serveHttp } from './helpers/servers.js'
import { cookieOf, freshSession, tenantAt } from './helpers/session-cookie.js'

const own = createCertificate(['localhost'])

/** Files of a certificate and its key, as settings. */
function filesOf (t: Test, { cert, key } = own) {
  const folder = makeFolder(t)
  writeFileSync(`${folder}/cert.pem`, cert)
  writeFileSync(`${folder}/key.pem`, key)
  return { TLS_CERT_FILE: `${folder}/cert.pem`, TLS_KEY_FILE: `${folder}/key.pem` }
}

/** A gateway that serves https by itself, before a tenant whose sockets say hello. */
async function start (t: Test, files = filesOf(t)) {
  const { origin: tenant, server } = await serveHttp(t, (_request, response) => { response.end('from the tenant') })
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => { accept(socket, request, hello) })
  const config = readConfig(settingsFor(tenantAt(tenant), 0, { PUBLIC_URL: 'https://localhost:8443', ...files }))
  const lines: string[] = []
  const app = await createServer({ ...config, server: { ...config.server, logLevel: 'info' } }, {
    write (line) {
      noteOutput(line)
      lines.push(line)
    }
  })
  t.teardown(async () => { await app.close() })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const cookie = await cookieOf(freshSession(), tenantAt(tenant), { secure: true, crossSite: false })
  return { app, port, cookie, lines, signals: config.gateway.signals }
}

async function handshake (t: Test, port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', servername: 'localhost', port, ca: own.cert, ...options })
  t.teardown(() => { socket.destroy() })
  await once(socket, 'secureConnect')
  return socket
}

async function read (port: number, path: string, options: RequestOptions = {}): Promise<{ status: number | undefined, body: string }> {
  const asked = get({ host: 'localhost', port, path, ca: own.cert, agent: false, ...options })
  const [answer] = await once(asked, 'response') as [IncomingMessage]
  return { status: answer.statusCode, body: await text(answer) }
}

t.test('calls and sockets of a session pass over the gateway\'s own TLS', async t => {
  const { port, cookie, lines } = await start(t)
  t.same(await read(port, '/api/v1/items', { headers: { cookie } }), { status: 200, body: 'from the tenant' })
  const socket = new WebSocket(`wss://localhost:${port}/app/x`, { ca: own.cert, headers: { cookie, origin: 'https://localhost:8443' } })
  t.teardown(() => { socket.terminate() })
  t.equal(String((await once(socket, 'message'))[0]), 'hello')
  t.match(lines.find(line => line.includes('"starting"')), '"gateway":"https://127.0.0.1:0"')
  const asksForMore = { cookie, connection: 'Upgrade', upgrade: 'TLS/1.2' }
  t.same(await read(port, '/api/v1/items', { headers: asksForMore }), { status: 200, body: 'from the tenant' }, 'an upgrade is ignored')
})

t.test('TLS older than 1.2, and ciphers without forward secrecy or authentication, are refused', async t => {
  const { port } = await start(t)
  t.equal((await handshake(t, port, {})).getProtocol(), 'TLSv1.3')
  t.equal((await handshake(t, port, { maxVersion: 'TLSv1.2' })).getProtocol(), 'TLSv1.2')
  const refused: ConnectionOptions[] = [
    { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
    { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' },
    { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' }
  ]
  for (const options of refused) t.match(await failureOf(handshake(t, port, options)), { code: /ALERT/ }, String(options.ciphers))
})

t.test('a renewed certificate serves the next connection, open ones go on, and a pair that does not match is refused', async t => {
  const files = filesOf(t)
  const { port, lines, signals } = await start(t, files)
  const before = await handshake(t, port, {})
  const renewed = createCertificate(['localhost'])
  writeFileSync(files.TLS_CERT_FILE, renewed.cert)
  signals.emit('reload')
  await until(() => lines.some(line => line.includes('"failure":"TLS_KEY_FILE holds the key of another certificate')))
  t.equal((await read(port, '/healthz')).status, 200, 'the one before stays in use')
  writeFileSync(files.TLS_KEY_FILE, renewed.key)
  signals.emit('reload')
  await until(() => lines.some(line => line.includes('another certificate is in use')))
  t.equal((await read(port, '/healthz', { ca: renewed.cert })).status, 200)
  t.match(
    await failureOf(handshake(t, port, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ca: renewed.cert, ciphers: 'DEFAULT@SECLEVEL=0' })),
    { code: /ALERT/ },
    'the renewed one has the same limits'
  )
  before.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  t.match(await text(before), /^HTTP\/1\.1 200 /)
})

t.test('a connection whose client shook hands and asks for nothing does not hold the end of the process', async t => {
  const { app, port } = await start(t)
  const idle = await handshake(t, port, {})
  const closed = once(idle, 'close')
  idle.resume()
  await app.close()
  await closed
  t.pass()
})

t.test('files that cannot serve stop the start, each with what is wrong; a certificate that has ended is a warning', async t => {
  const encrypted = '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n'
  const faultsOf = (files: NodeJS.ProcessEnv) => {
    try {
      return readConfig(settingsFor(tenantAt('http://127.0.0.1:1'), 0, { PUBLIC_URL: 'https://localhost', ...files })).warnings
    } catch (error) {
      return (error as ConfigError).faults
    }
  }
  const files = filesOf(t)
  const cases: [title: string, files: NodeJS.ProcessEnv, faults: RegExp[]][] = [
    ['no such files', { TLS_CERT_FILE: '/nowhere/c', TLS_KEY_FILE: '/nowhere/k' },
      [/^TLS_CERT_FILE cannot be read \(ENOENT\)/, /^TLS_KEY_FILE cannot be read \(ENOENT\)/]],
    ['the certificate alone', { TLS_CERT_FILE: files.TLS_CERT_FILE }, [/^TLS_CERT_FILE is set, and TLS_KEY_FILE is not/]],
    ['the key alone', { TLS_KEY_FILE: files.TLS_KEY_FILE }, [/^TLS_KEY_FILE is set, and TLS_CERT_FILE is not/]],
    ['exchanged', { TLS_CERT_FILE: files.TLS_KEY_FILE, TLS_KEY_FILE: files.TLS_CERT_FILE },
      [/^TLS_CERT_FILE holds no certificate/, /^TLS_KEY_FILE holds no private key/]],
    ['an encrypted key', filesOf(t, { cert: own.cert, key: encrypted }),
      [/^TLS_KEY_FILE holds no private key in PEM that opens without a passphrase/]],
    ['of two pairs', filesOf(t, { cert: own.cert, key: createCertificate(['localhost']).key }),
      [/^TLS_KEY_FILE holds the key of another certificate/]],
    ['a public URL of http', { ...filesOf(t), PUBLIC_URL: 'http://localhost' }, [/^PUBLIC_URL is http, but TLS_CERT_FILE/]],
    ['an end that has passed', filesOf(t, createCertificate(['localhost'], { expired: true })),
      [/^The certificate of TLS_CERT_FILE has ended \(/]]
  ]
  for (const [title, settings, faults] of cases) t.match(faultsOf(settings), faults, title)
  t.same(faultsOf(filesOf(t)), [])
  const { gateway } = readConfig({ ...settingsFor(tenantAt('http://127.0.0.1:1'), 4433, filesOf(t)), PUBLIC_URL: '' })
  t.equal(gateway.publicUrl.href, 'https://localhost:4433/', 'the public URL follows')
})
