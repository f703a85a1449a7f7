import fastify from 'fastify'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { answersInTurn } from '../../src/admission/turns.js'
import { readAnswers } from '../helpers/answers.js'
import { startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { openRaw } from '../helpers/raw.js'
import { countConnections } from '../helpers/servers.js'

const line = (path: string, method = 'GET') => `${method} ${path} HTTP/1.1\r\nHost: x\r\n\r\n`

t.test('a client that leaves is noticed whatever waits behind a request that the tenant does not answer', async t => {
  let asked: (string | undefined)[] = []
  const { app, origin, signals } = await startGateway(t, {
    settings: { PUBLIC_URL: 'http://localhost/below' },
    tenant: (request, response) => {
      asked.push(request.url)
      if (request.url === '/assets/large') response.end(Buffer.alloc(100_000))
      if (request.url === '/assets/streamed') response.write(Buffer.alloc(100_000))
    }
  })
  let answered = 0
  signals.on('refused', () => { answered++ }).on('tenantAnswered', () => { answered++ })
  const cases: [title: string, path: string, count: number][] = [
    ['a large answer', '/below/assets/large', 1],
    ['one that streams', '/below/assets/streamed', 1],
    ['many of the gateway itself', '/below/api/x', 200],
    ['many refusals of what is no address', '/below/%zz', 200]
  ]
  for (const [title, path, count] of cases) {
    asked = []
    answered = 0
    const client = await openRaw(t, origin)
    client.write(line('/below/assets/silent') + line(path).repeat(count))
    await until(() => answered === count)
    client.write(line('/below/assets/last'))
    await until(() => asked.includes('/assets/last'))
    client.resetAndDestroy()
    await until(async () => await countConnections(app.server) === 0)
    t.pass(title)
  }
})

t.test('answers of any kind that were there before their turn come whole, and one that broke meanwhile is replaced', async t => {
  let first: ServerResponse | undefined
  let broken: Socket | undefined
  const { origin, signals } = await startGateway(t, {
    tenant: (request, response) => {
      switch (request.url) {
        case '/assets/first': first = response; break
        case '/assets/streamed': response.write('one '); setImmediate(() => response.end('after the other')); break
        case '/assets/broken':
          broken = request.socket
          broken.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal')
          break
        default: response.end(`the answer to ${request.url}`)
      }
    }
  })
  let answered = 0
  signals.on('refused', () => { answered++ }).on('tenantAnswered', () => { answered++ })
  const client = await openRaw(t, origin)
  client.write(
    line('/assets/first') + line('/assets/streamed') + line('/assets/whole') + line('/assets/broken') + line('/assets/head', 'HEAD') +
    line('/api/x') + 'GET /assets/last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
  )
  await until(() => answered === 6)
  const over = once(broken as unknown as Socket, 'close')
  broken?.destroy()
  await over
  first?.end('first')
  const { answers, whole } = readAnswers(await buffer(client), at => at === 4)
  t.match(answers.map(({ status, body }) => [status, body.toString()]), [
    [200, 'first'],
    [200, 'one after the other'],
    [200, 'the answer to /assets/whole'],
    [502, /GW-TENANT-/],
    [200, ''],
    [401, /GW-NO-SESSION/],
    [200, 'the answer to /assets/last']
  ])
  t.ok(whole)
})

t.test('a client that leaves when the turn of its next request has come leaves nothing, and each request is over once', async t => {
  const held: ServerResponse[] = []
  const { app, origin, signals } = await startGateway(t, { tenant: (_request, response) => { held.push(response) } })
  const over: [path: string | undefined, hasLeft: boolean][] = []
  signals.on('answered', (request, _reply, hasLeft) => { over.push([request.raw.url, hasLeft]) })
  const client = await openRaw(t, origin)
  client.write(line('/assets/first') + line('/assets/second') + line('/assets/third'))
  await until(() => held.length === 3)
  held[0]?.end()
  await once(client, 'data')
  client.resetAndDestroy()
  await until(async () => await countConnections(app.server) === 0)
  await until(() => over.length >= 3)
  t.same(over.toSorted(), [['/assets/first', false], ['/assets/second', true], ['/assets/third', true]])
})

t.test('a connection on which more requests wait than any client sends ahead is cut, and those behind are not forwarded', async t => {
  let asked = 0
  const { app, origin } = await startGateway(t, { tenant: () => { asked++ } })
  const client = await openRaw(t, origin)
  client.write(line('/assets/silent'))
  await until(() => asked === 1)
  client.write(line('/healthz').repeat(251) + line('/assets/behind').repeat(10))
  await until(async () => await countConnections(app.server) === 0)
  t.equal(client.bytesRead, 0)
  t.equal(asked, 1)
})

t.test('a body that falls silent when its answer waits already ends the connection', async t => {
  let asked = 0
  const { app, origin, cookie, signals } = await startGateway(t, {
    settings: { BODY_TIMEOUT_SECONDS: '1' },
    tenant: (request, response) => {
      asked++
      if (request.method === 'PUT') response.writeHead(413).end()
    }
  })
  const answered = once(signals, 'tenantAnswered')
  const client = await openRaw(t, origin)
  client.write(
    `${line('/assets/silent')}PUT /api/x HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\nSec-Fetch-Site: same-origin\r\n` +
    'Content-Type: text/plain\r\nContent-Length: 100000\r\n\r\nhalf'
  )
  await answered
  await until(async () => await countConnections(app.server) === 0)
  t.same([client.bytesRead, asked], [0, 2])
})

t.test('a stream of any route may break while it waits', async t => {
  const app = fastify()
  t.teardown(async () => { await app.close() })
  const broken = new Readable({ read () {} })
  let answerFirst = (): void => {}
  await app.register(answersInTurn)
  app.get('/first', (_request, reply) => { answerFirst = () => { reply.send('first') } })
  app.get('/broken', (_request, reply) => reply.send(broken))
  const client = await openRaw(t, await app.listen({ host: '127.0.0.1', port: 0 }))
  client.write(`${line('/first')}GET /broken HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  await until(() => broken.listenerCount('error') > 0)
  const over = new Promise<void>(resolve => { broken.once('close', resolve) })
  broken.destroy(new Error('broken'))
  await over
  answerFirst()
  t.same(readAnswers(await buffer(client)).answers.map(({ status }) => status), [200, 500])
})
