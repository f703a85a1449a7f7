import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import { once } from 'node:events'
import { createServer, type Socket, type AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { followRequests } from '../../src/operate/request-at-fault.js'
import { createDial } from '../../src/tenants/dial.js'
import { readAnswers } from '../helpers/answers.js'
import { startGateway } from '../helpers/gateway.js'
import { openRaw } from '../helpers/raw.js'

t.test('an exception in the course of a request that is over ends nothing', async t => {
  const { origin, signals } = await startGateway(t, { tenant: 'plain' })
  const end = followRequests(signals)
  let endLater = (): ReturnType<typeof end> => undefined
  signals.once('received', () => { endLater = AsyncResource.bind(() => end(new Error('planted'))) })
  t.equal(end(new Error('planted')), undefined, 'nor does one in the course of none')
  const client = await openRaw(t, origin)
  const answers = buffer(client)
  const over = once(signals, 'answered')
  client.write('GET /assets/one HTTP/1.1\r\nHost: x\r\n\r\n')
  await over
  t.equal(endLater()?.url, '/assets/one', 'but it is told whose it was')
  client.write('GET /assets/two HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  t.same(readAnswers(await answers).answers.map(({ status }) => status), [200, 200])
})

t.test('what a connection to the tenant raises is in the course of no request, whoever it was opened for', async t => {
  const server = createServer(socket => { socket.on('error', () => {}).end('something') }).listen(0, '127.0.0.1')
  t.teardown(() => { server.close() })
  await once(server, 'listening')
  const dial = createDial(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), {})
  const current = new AsyncLocalStorage<string>()
  const seen = await current.run('a request', async () => {
    const socket: Socket = await dial()
    return await new Promise(resolve => socket.on('data', () => { resolve(current.getStore() ?? 'none') }))
  })
  t.equal(seen, 'none')
})
