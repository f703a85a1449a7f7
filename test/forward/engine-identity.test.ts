import { once } from 'node:events'
import t from 'tap'
import { WebSocket } from 'ws'
import { addIdentity } from '../../src/forward/engine-identity.js'
import { startOwnUsers } from '../helpers/own-users.js'

t.test('a session has an identity of its own where the page gave none', t => {
  const identity = /^\/app\/x\/identity\/[\w-]{22}/
  t.match(addIdentity('/app/x', 'session'), identity)
  t.match(addIdentity('/app/x/ttl/60', 'session'), /^\/app\/x\/identity\/[\w-]{22}\/ttl\/60$/)
  t.equal(addIdentity('/app/x', 'session'), addIdentity('/app/x', 'session'))
  t.not(addIdentity('/app/x', 'session'), addIdentity('/app/x', 'another'))
  t.notMatch(addIdentity('/app/x', 'session'), 'session')
  for (const given of ['/app/x/identity/mine', '/app/x/ttl/60/identity/mine', '/app/x/identity/mine/ttl/60']) {
    t.equal(addIdentity(given, 'session'), given)
  }
  t.match(addIdentity('/app/identity/', 'session'), /^\/app\/identity\/identity\/[\w-]{22}\/$/, 'the id of an app is none')
  t.end()
})

t.test('visitors who share a user have engine sessions of their own with ENGINE_IDENTITY=session', async t => {
  for (const [way, count] of [['session', 2], ['page', 1]] as const) {
    const { tenant, origin, enter } = await startOwnUsers(t, { settings: { ENGINE_IDENTITY: way } })
    for (const cookie of [await enter(), await enter()]) {
      const socket = new WebSocket(`${origin.replace('http', 'ws')}/app/${tenant.engine.apps[0]?.id}`, { headers: { cookie, origin } })
      await once(socket, 'message')
      socket.close()
      await once(socket, 'close')
    }
    const paths = tenant.controls.requests.filter(({ upgrade }) => upgrade).map(({ path }) => path)
    t.equal(new Set(paths).size, count, way)
  }
})
