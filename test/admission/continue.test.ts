import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import t from 'tap'
import { readAnswers } from '../helpers/answers.js'
import { startGateway } from '../helpers/gateway.js'
import { until } from '../helpers/log.js'
import { openRaw } from '../helpers/raw.js'

const put = (cookie: string, more = '') => {
  const head = `PUT /api/v1/x HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\nSec-Fetch-Site: same-origin\r\n`
  return `${head}Expect: 100-continue\r\nContent-Length: 4\r\n${more}\r\n`
}

t.test('a client that waits to send its body behind another request is told to in its turn', async t => {
  const held: ServerResponse[] = []
  const { origin, cookie } = await startGateway(t, {
    tenant: (request, response) => {
      if (request.method === 'GET') held.push(response)
      else request.once('end', () => response.end('saved'))
    }
  })
  const client = await openRaw(t, origin)
  client.write(`GET /assets/held HTTP/1.1\r\nHost: x\r\n\r\n${put(cookie, 'Connection: close\r\n')}`)
  await until(() => held.length === 1)
  held[0]?.end('held')
  const chunks: Buffer[] = []
  client.on('data', (chunk: Buffer) => { chunks.push(chunk) })
  await until(() => Buffer.concat(chunks).includes('100 Continue\r\n\r\n'))
  client.write('body')
  await once(client, 'end')
  const { answers } = readAnswers(Buffer.concat(chunks))
  t.same(answers.map(({ status, body }) => [status, body.toString()]), [[200, 'held'], [100, ''], [200, 'saved']])
})

t.test('an answer that is there before its turn holds nothing that tells its client to send a body', async t => {
  const held: ServerResponse[] = []
  const { origin, cookie, signals } = await startGateway(t, {
    tenant: (request, response) => {
      if (request.method === 'GET') held.push(response)
      else response.writeHead(403, { 'content-type': 'text/plain' }).end('refused at once')
    }
  })
  const client = await openRaw(t, origin)
  const chunks: Buffer[] = []
  client.on('data', (chunk: Buffer) => { chunks.push(chunk) })
  const refused = new Promise<void>(resolve => {
    signals.on('tenantAnswered', (_asking, status) => { if (status === 403) setImmediate(resolve) })
  })
  client.write(`GET /assets/held HTTP/1.1\r\nHost: x\r\n\r\n${put(cookie)}body`)
  await refused
  await until(() => held.length === 1)
  held[0]?.end('held')
  await until(() => Buffer.concat(chunks).includes('refused at once'))
  const { answers } = readAnswers(Buffer.concat(chunks))
  t.same(answers.map(({ status, body }) => [status, body.toString()]), [[200, 'held'], [403, 'refused at once']])
})
