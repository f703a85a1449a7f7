import { once } from 'node:events'
import { existsSync, linkSync, statSync, writeFileSync } from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import { connect, createServer as createTcpServer, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { SALES_APP_ID } from '../sandbox/data/apps.js'
import { alice } from '../sandbox/identities.js'
import { startTenant } from '../sandbox/tenant.js'
import { readConfig } from '../src/settings/config.js'
import { addressOf, listen, trustedProxiesOf } from '../src/listener.js'
import { createServer } from '../src/serve.js'
import { createBrowser, login } from './helpers/browser-jar.js'
import { createCertificate } from './helpers/certificate.js'
import { failureOf } from './helpers/failure.js'
import { makeFolder } from './helpers/folder.js'
import { asScript, nowhere, settingsFor, type TenantAddress } from './helpers/gateway.js'
import { reservePort } from './helpers/ports.js'
import { noteOutput } from './helpers/run-record.js'

async function start (t: Test, settings: NodeJS.ProcessEnv, tenant: TenantAddress = nowhere) {
  const config = readConfig(settingsFor(tenant, await reservePort(), settings))
  const lines: string[] = []
  const app = await createServer({ ...config, server: { ...config.server, logLevel: 'info' } }, {
    write (line) {
      noteOutput(line)
      lines.push(line)
    }
  })
  t.teardown(async () => { await app.close() })
  await listen(app, config.server)
  return { app, lines }
}

async function ask (socketPath: string, path: string, headers = {}): Promise<number | undefined> {
  const asked = request({ socketPath, path, headers }).end()
  const [answer] = await once(asked, 'response') as [IncomingMessage]
  await text(answer)
  return answer.statusCode
}

t.test('a user signs in, calls and opens a socket through a proxy that reaches the gateway by a Unix socket', async t => {
  const path = `${makeFolder(t)}/http.sock`
  const proxy = createTcpServer(client => {
    const gateway = connect(path)
    client.on('error', () => gateway.destroy()).pipe(gateway).on('error', () => client.destroy()).pipe(client)
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.teardown(() => { proxy.close() })
  const { port } = proxy.address() as { port: number }
  const origin = `http://localhost:${port}`
  const tenant = await startTenant({ redirectUris: [`${origin}/login/callback`] })
  t.teardown(async () => { await tenant.close() })
  const { lines } = await start(t, { PUBLIC_URL: origin, UNIX_SOCKET: path }, tenant)

  const browser = createBrowser()
  t.equal((await login(browser, `${origin}/login?returnto=/healthz`, alice)).status, 200)
  t.equal((await browser.fetch(`${origin}/api/v1/users/me`, asScript())).status, 200)
  const socket = new WebSocket(`ws://localhost:${port}/app/${SALES_APP_ID}`, {
    headers: { cookie: browser.cookies.header(new URL(origin)), origin }
  })
  t.teardown(() => { socket.terminate() })
  t.match(String((await once(socket, 'message'))[0]), /OnConnected/)
  t.match(lines.find(line => line.includes('"starting"')), `"gateway":"${path}"`)
})

t.test('a Unix socket has the mode of the settings, and goes with the gateway', async t => {
  for (const [setting, mode] of [[undefined, 0o660], ['600', 0o600], ['0666', 0o666]] as const) {
    const path = `${makeFolder(t)}/http.sock`
    const { app } = await start(t, { UNIX_SOCKET: path, UNIX_SOCKET_MODE: setting })
    t.equal(statSync(path).mode & 0o777, mode)
    t.equal(await ask(path, '/healthz'), 200)
    await app.close()
    t.notOk(existsSync(path))
  }
})

t.test('over a Unix socket the proxy before it names the client', async t => {
  const path = `${makeFolder(t)}/http.sock`
  const trusted = '10.0.0.0/8 fd00::/8 10.1.2.3 2001:db8::7'
  const { lines } = await start(t, { UNIX_SOCKET: path, MAX_LOGINS_PER_MINUTE: '1', TRUSTED_PROXIES: trusted })
  const forwardedFor: [addresses: string | undefined, status: number][] = [
    ['192.0.2.7', 302],
    ['192.0.2.7, 10.0.0.1', 429],
    ['192.0.2.8, fd00::1', 302],
    ['192.0.2.9, 192.0.2.7', 429],
    ['192.0.2.10, 2001:db8::7', 302],
    ['192.0.2.11, 2001:db8::8', 302],
    [undefined, 302],
    [undefined, 429]
  ]
  for (const [addresses, status] of forwardedFor) {
    t.equal(await ask(path, '/login', addresses === undefined ? {} : { 'x-forwarded-for': addresses }), status, String(addresses))
  }
  const clients = lines
    .map(line => JSON.parse(line) as { msg: string, route?: string, client?: string })
    .filter(({ msg, route }) => msg === 'request' && route === '/login')
    .map(({ client }) => client)
  t.same(clients, ['192.0.2.7', '192.0.2.7', '192.0.2.8', '192.0.2.7', '192.0.2.10', '2001:db8::8', undefined, undefined])
  const { server } = readConfig(settingsFor(nowhere, 0, { TRUSTED_PROXIES: '10.0.0.0/8' }))
  t.same(trustedProxiesOf(server), ['10.0.0.0/8'])
})

t.test('the socket of a process that was killed is taken over; one that answers and a file are not', async t => {
  const folder = makeFolder(t)
  const path = `${folder}/http.sock`
  const killed = createTcpServer().listen(path)
  await once(killed, 'listening')
  // What a process that was killed leaves behind: the handle is gone, the file is not.
  const left = `${folder}/left.sock`
  linkSync(path, left)
  killed.close()
  await once(killed, 'close')
  t.ok(existsSync(left))
  await start(t, { UNIX_SOCKET: left })
  t.equal(await ask(left, '/healthz'), 200)

  t.match(await failureOf(start(t, { UNIX_SOCKET: left })), {
    message: /^The Unix socket is in use by another process, or is no socket: stop that process/
  })
  t.equal(await ask(left, '/healthz'), 200, 'the one that was there goes on')
  writeFileSync(`${folder}/file`, 'kept')
  t.match(await failureOf(start(t, { UNIX_SOCKET: `${folder}/file` })), {
    message: /^The Unix socket is in use by another process, or is no socket/
  })
  t.ok(existsSync(`${folder}/file`))
})

t.test('a place where no socket can be made is told', async t => {
  t.match(await failureOf(start(t, { UNIX_SOCKET: `${makeFolder(t)}/none/http.sock` })), {
    message: /^The Unix socket cannot be made: its folder does not exist, or the gateway may not write there$/
  })
  const folder = makeFolder(t)
  writeFileSync(`${folder}/file`, '')
  t.match(await failureOf(start(t, { UNIX_SOCKET: `${folder}/file/http.sock` })), {
    message: /^The Unix socket cannot be made: listen ENOTDIR/
  })
})

t.test('the log names listeners as browsers do: an IPv6 address in brackets, and https where the gateway serves it', async t => {
  const { cert, key } = createCertificate(['localhost'])
  const folder = t.testdir({ 'cert.pem': cert, 'key.pem': key })
  const { app, lines } = await start(t, {
    PUBLIC_URL: 'https://localhost:8443',
    TLS_CERT_FILE: `${folder}/cert.pem`,
    TLS_KEY_FILE: `${folder}/key.pem`
  })
  const { port } = app.server.address() as AddressInfo
  for (const message of ['starting', 'Server listening at']) {
    t.match(lines.find(line => line.includes(`"${message}`)), `https://127.0.0.1:${port}`)
  }
  t.equal(addressOf('::1', 3000), 'http://[::1]:3000')
})
