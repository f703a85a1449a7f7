import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import { identifyByHeader } from '../../../src/credentials/impersonation/identify.js'
import { failureOf } from '../../helpers/failure.js'
import { makeFolder } from '../../helpers/folder.js'

/** An application that answers with whom the header names; `ranges` may send it. At /broken its client has gone by then. */
function createApp (t: Test, ranges: string[]) {
  const identify = identifyByHeader(
    'x-identity',
    ranges,
    async subject => ({ user: { subject }, id: undefined, endsAt: Date.now() + 60_000 }),
    Date.now
  )
  const app = fastify()
  const failures: unknown[] = []
  app.get('/', async request => (await identify(request))?.user.subject ?? 'nobody')
  app.get('/broken', async (request, reply) => {
    reply.hijack()
    request.raw.socket.destroy()
    failures.push(await failureOf(identify(request)))
  })
  t.teardown(async () => { await app.close() })
  return { app, failures }
}

const headers = { 'x-identity': 'carol' }

t.test('addresses and ranges of the ingress are compared whole, and those of IPv4 in either spelling', async t => {
  const cases: [range: string, remoteAddress: string, status: number][] = [
    ['127.0.0.1', '127.0.0.1', 200],
    ['127.0.0.1', '127.0.0.11', 401],
    ['10.0.0.0/8', '10.1.2.3', 200],
    ['10.0.0.0/8', '11.1.2.3', 401],
    ['10.0.0.0/8', '::ffff:10.1.2.3', 200],
    ['10.0.0.0/8', '::ffff:11.1.2.3', 401],
    ['::1', '::1', 200],
    ['::1', '::2', 401],
    ['fd00::/8', 'fd12::1', 200],
    ['fd00::/8', 'fe80::1', 401],
    ['::1', '0.0.0.1', 401]
  ]
  for (const [range, remoteAddress, status] of cases) {
    const { app } = createApp(t, [range])
    t.equal((await app.inject({ url: '/', headers, remoteAddress })).statusCode, status, `${remoteAddress} by ${range}`)
  }
})

t.test('what comes by a Unix socket is listed; a connection that has broken, and has no address any more, is not', async t => {
  const path = `${makeFolder(t)}/socket`
  const unix = createApp(t, ['10.0.0.0/8'])
  await unix.app.listen({ path })
  const [answer] = await once(httpRequest({ socketPath: path, headers }).end(), 'response') as [IncomingMessage]
  answer.resume()
  t.equal(answer.statusCode, 200)
  const { app, failures } = createApp(t, ['127.0.0.1'])
  const origin = await app.listen()
  await t.rejects(fetch(`${origin}/broken`, { headers }))
  t.match(failures, [{ code: 'GW-STATEMENT' }])
})
