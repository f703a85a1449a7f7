import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { SALES_APP_ID } from '../../sandbox/data/apps.js'
import { createBrowser } from '../helpers/browser-jar.js'
import { accept, closing, first, hello, open, outcome, startBeforeRaw, type Sent } from '../helpers/engine-sockets.js'
import { asScript, startGateway } from '../helpers/gateway.js'
import { until, untilStill } from '../helpers/log.js'

t.test('an upgrade carries the token and nothing of the browser\'s, and the first frame of the engine arrives', async t => {
  const stage = await startGateway(t)
  const browser = await stage.signIn()
  const socket = open(
    stage,
    browser,
    `/app/${SALES_APP_ID}/identity/one?reloadUri=x%2Fy&accessToken=mine&qlik-csrf-token=&workloadType=a;b`
  )
  const [message] = await once(socket, 'message') as [Buffer]
  t.match(message.toString(), /OnConnected/)
  const received = first(stage)
  t.match(received?.headers.authorization, /^Bearer ey/)
  t.match(received, {
    url: `/app/${SALES_APP_ID}/identity/one?reloadUri=x%2Fy&workloadType=a;b`,
    headers: { host: new URL(stage.tenant.origin).host, cookie: undefined, origin: undefined }
  })
  socket.close(1000, 'done')
  t.match(await closing(socket), { code: 1000 })
})

t.test('an upgrade that no page of ours sent is refused before the tenant hears of it', async t => {
  const stage = await startGateway(t, { settings: { EMBED_ORIGINS: 'https://portal.example' } })
  const browser = await stage.signIn()
  const { csrfToken } = await (await browser.fetch(`${stage.origin}/gateway/session`, asScript())).json() as { csrfToken: string }
  const path = `/app/${SALES_APP_ID}`
  const cases: [string, Sent, string, number, string][] = [
    ['foreign', { origin: 'https://evil.example' }, path, 403, 'GW-FOREIGN-ORIGIN'],
    ['foreign with a valid token', { origin: 'https://evil.example' }, `${path}?qlik-csrf-token=${csrfToken}`, 403, 'GW-FOREIGN-ORIGIN'],
    ['null', { origin: 'null' }, path, 403, 'GW-FOREIGN-ORIGIN'],
    ['a look-alike', { origin: `${stage.origin}.evil.example` }, path, 403, 'GW-FOREIGN-ORIGIN'],
    ['missing', {}, path, 403, 'GW-FOREIGN-ORIGIN'],
    ['an embedder without its token', { origin: 'https://portal.example' }, path, 403, 'CSRF-TOKEN-2'],
    ['a wrong token', { origin: stage.origin }, `${path}?qlik-csrf-token=${csrfToken.slice(1)}`, 403, 'CSRF-TOKEN-2'],
    ['two tokens', {}, `${path}?qlik-csrf-token=${csrfToken}x&qlik-csrf-token=${csrfToken}`, 403, 'CSRF-TOKEN-2']
  ]
  stage.tenant.controls.clear()
  for (const [title, headers, address, status, code] of cases) {
    const refused = await outcome(open(stage, browser, address, headers))
    t.equal(refused.status, status, title)
    t.match(refused.body, code, title)
  }
  const signedOut = await outcome(open(stage, createBrowser()))
  t.equal(signedOut.status, 401)
  t.same(stage.tenant.controls.requests, [])
  for (const [title, headers] of [['a token without an Origin', {}], [
    'an embedder with its token', { origin: 'https://portal.example' }
  ]] as const) {
    const socket = open(stage, browser, `${path}?qlik-csrf-token=${csrfToken}`, headers)
    t.equal((await outcome(socket)).status, 101, title)
    socket.terminate()
  }
})

t.test('no early byte is lost, from either side', async t => {
  let fromBrowser = ''
  const { dial, origin, cookie, accepted } = await startBeforeRaw(t, (socket, request) => {
    accept(socket, request, hello)
    socket.on('data', chunk => { fromBrowser += chunk.toString('latin1') })
  })
  const socket = dial()
  const [message] = await once(socket, 'message') as [Buffer]
  t.equal(message.toString(), 'hello', 'behind the 101 of the tenant in one packet')
  socket.terminate()
  const eager = connect(Number(new URL(origin).port), '127.0.0.1')
  t.teardown(() => { eager.destroy() })
  eager.write(
    `GET /app/x HTTP/1.1\r\nHost: x\r\nOrigin: ${origin}\r\nCookie: ${cookie}\r\nConnection: Upgrade\r\n` +
    'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\nearly'
  )
  await until(() => fromBrowser.includes('early'))
  t.equal(accepted.length, 2)
})

t.test('a peer that does not read costs bounded memory, and what it left unread arrives in order', async t => {
  const chunk = Buffer.concat([Buffer.from([0x82, 0x7e, 0xff, 0xff]), Buffer.alloc(65_535, 1)])
  let sent = 0
  let received = 0
  const { dial, accepted, origin } = await startBeforeRaw(t, (socket, request) => {
    accept(socket, request)
    socket.on('data', data => { received += data.length })
  })
  const browser = dial()
  await once(browser, 'open')
  const tenant = accepted[0] as Socket
  browser.pause()
  const limit = 64 * 1024 * 1024
  const send = () => {
    while (sent < limit) {
      sent += chunk.length
      if (!tenant.write(chunk)) return
    }
  }
  tenant.on('drain', send)
  send()
  const ask = async () => await fetch(`${origin}/healthz`)
  await untilStill(() => sent, ask)
  tenant.off('drain', send)
  t.ok(sent < limit / 2, `the tenant is held back after ${sent} bytes`)
  let got = 0
  browser.on('message', (data: Buffer) => { got += data.length })
  browser.resume()
  // What a frame holds: its header is not counted.
  await until(() => got === sent / chunk.length * 65_535)
  tenant.pause()
  for (let count = 0; count < 400; count++) browser.send(chunk)
  await untilStill(() => browser.bufferedAmount, ask)
  t.ok(browser.bufferedAmount > 5_000_000, `the browser is held back with ${browser.bufferedAmount} bytes`)
  tenant.resume()
  await until(() => browser.bufferedAmount === 0)
  t.ok(received > 0)
  browser.terminate()
})
