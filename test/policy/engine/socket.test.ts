import { once } from 'node:events'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocket, type RawData } from 'ws'
import { SALES_APP_ID } from '../../../sandbox/data/apps.js'
import type { Denial } from '../../../src/signals.js'
import { accept, closing, open } from '../../helpers/engine-sockets.js'
import { startGateway } from '../../helpers/gateway.js'
import { serveHttp } from '../../helpers/servers.js'

const call = (id: number, method: string, handle = 1, params: unknown[] = []) =>
  JSON.stringify({ jsonrpc: '2.0', id, method, handle, params })
const serverFrame = (text: string, first = 0x81) => Buffer.concat([Buffer.from([first, text.length]), Buffer.from(text)])

/** A gateway in view mode before an engine of the test's own, with one socket through it. */
async function startRaw (t: Test, settings: NodeJS.ProcessEnv = { ENGINE_MODE: 'view' }) {
  const { server, origin: upstream } = await serveHttp(t, (_request, response) => { response.end() })
  const { origin, cookie, signals } = await startGateway(t, { tenant: { origin: upstream }, settings })
  const denials: Denial[] = []
  signals.on('denied', denial => { denials.push(denial) })
  const browser = new WebSocket(`${origin.replace('http', 'ws')}/app/sales`, {
    headers: { cookie, origin },
    perMessageDeflate: true,
    autoPong: false
  })
  t.teardown(() => { browser.terminate() })
  const [request, tenant] = await once(server, 'upgrade') as [Parameters<typeof accept>[1], Socket]
  t.teardown(() => { tenant.destroy() })
  tenant.on('error', () => {})
  const told: string[] = []
  browser.on('message', (data: RawData) => { told.push((data as Buffer).toString()) })
  accept(tenant, request)
  await once(browser, 'open')
  return { browser, tenant, request, told, denials, next: async () => { await once(browser, 'message') } }
}

t.test('pages select and read in view mode, and what they would change never reaches the tenant', async t => {
  const stage = await startGateway(t, { settings: { ENGINE_MODE: 'view' } })
  const socket = open(stage, await stage.signIn())
  t.teardown(() => { socket.terminate() })
  await once(socket, 'message')
  const ask = async (request: string) => {
    socket.send(request)
    const [answer] = await once(socket, 'message') as [Buffer]
    return JSON.parse(answer.toString()) as { id: number, result?: object, error?: object }
  }
  t.match(await ask(call(1, 'OpenDoc', -1, [SALES_APP_ID])), { id: 1, result: { qReturn: { qHandle: 1 } } })
  t.match(await ask(call(2, 'GetField', 1, ['Region'])), { id: 2, result: { qReturn: { qType: 'Field' } } })
  t.match(await ask(call(3, 'CreateObject', 1, [{ qInfo: { qType: 'x' } }])), { id: 3, error: { code: 5, parameter: 'GW-POLICY-ENGINE' } })
  t.match(await ask(call(4, 'GetAllInfos')), { id: 4, result: { qInfos: Array } }, 'and the socket goes on')
})

t.test('an answer of the gateway waits until the tenant has said its message to the end', async t => {
  const { browser, tenant, told, next } = await startRaw(t)
  tenant.write(serverFrame('{"half', 0x01))
  tenant.write(serverFrame('', 0x89))
  await once(browser, 'ping')
  browser.send(call(9, 'DoSave'))
  browser.ping()
  // The tenant gets the ping behind what is refused, so the answer to that waits by now.
  await once(tenant, 'data')
  tenant.write(Buffer.concat([serverFrame('":1}', 0x80), serverFrame('{"next":2}')]))
  await next()
  while (told.length < 3) await next()
  t.match(told, ['{"half":1}', /^\{"jsonrpc":"2.0","id":9,"error"/, '{"next":2}'])
})

t.test('a message is answered where the end of the tenant\'s message comes alone', async t => {
  const { browser, tenant, told, next } = await startRaw(t)
  tenant.write(serverFrame('{"half', 0x01))
  tenant.write(serverFrame('', 0x89))
  await once(browser, 'ping')
  browser.send(call(9, 'DoSave'))
  browser.ping()
  await once(tenant, 'data')
  tenant.write(serverFrame('":1', 0x00))
  tenant.write(serverFrame('}', 0x80))
  while (told.length < 2) await next()
  t.match(told, ['{"half":1}', /"id":9/])
})

t.test('a guarded socket is not compressed, and what is not text ends it', async t => {
  const { browser, request, denials } = await startRaw(t)
  t.equal(request.headers['sec-websocket-extensions'], undefined)
  browser.send(Buffer.from('{}'), { binary: true })
  t.equal((await closing(browser)).code, 1003)
  t.same(denials, [])
})

t.test('a read-only gateway guards its sockets too, and so does one with a list of apps', async t => {
  for (const [settings, rule, refused] of [[{ READ_ONLY: 'true' }, 'ENGINE_MODE', call(1, 'DoSave')], [
    { ALLOWED_APPS: 'sales' }, 'ALLOWED_APPS', call(1, 'OpenDoc', -1, ['staff'])
  ]] as const) {
    const { browser, denials, next, told } = await startRaw(t, settings)
    browser.send(refused)
    await next()
    t.match(told, [new RegExp(`"id":1,"error".*${rule}`)])
    t.match(denials, [{ rule, method: /DoSave|OpenDoc/, path: '/app/sales', sessionId: /.+/ }])
  }
})

t.test('refusals that a browser does not take are bounded: it is not listened to until it does', async t => {
  const { browser, tenant, told, next } = await startRaw(t)
  tenant.write(serverFrame('{"half', 0x01))
  tenant.write(serverFrame('', 0x89))
  await once(browser, 'ping')
  for (let id = 1; id <= 300; id++) browser.send(call(id, 'DoSave'))
  browser.send(call(301, 'GetLayout'))
  tenant.write(serverFrame('":1}', 0x80))
  await once(tenant, 'data')
  while (told.length < 301) await next()
  t.match(told.at(-1), /"id":300/)
})
