import t, { type Test } from 'tap'
import { until } from '../helpers/log.js'
import { carol } from '../helpers/own-users.js'
import { documentedRights, startCluster, startRedisProcess } from '../helpers/redis-servers.js'
import { startUserReplicas, type UserReplicasOptions } from '../helpers/user-replicas.js'

/** What replicas share of users, from the first statement to the last logout. */
async function tryUsers (t: Test, options: UserReplicasOptions): Promise<void> {
  const { tenant: { controls }, clock, issuer, publicUrl, at, tokenCalls, failures } = await startUserReplicas(t, options)
  const askAll = async (path: string, init = {}) =>
    await Promise.all(cookies.map(async (cookie, index) => (await at(index + 1).ask(path, cookie, init)).status))
  const cookies = await Promise.all(Array.from({ length: 30 }, async (_, index) => await at(index).enter()))
  t.same([...new Set(await askAll('/api/v1/items'))], [200])
  t.equal(controls.grants.impersonation, 1, 'one grant for all sessions of a user')

  clock.aheadMs = 21_600_000 * 0.95
  t.same([...new Set(await askAll('/api/v1/items'))], [200])
  t.equal(controls.grants.impersonation, 2, 'one renewal')

  const statement = await issuer.state(carol.subject, publicUrl)
  const answers = await Promise.all([0, 1, 2].map(async index => await at(index).assert(statement)))
  t.same(answers.map(({ status }) => status).sort(), [204, 401, 401], 'a statement is good once')

  // Sessions that no browser brought back are not counted any more: the one of the statement.
  clock.aheadMs += 61_000
  t.same([...new Set(await askAll('/logout', { method: 'POST' }))], [204])
  // The token before the renewal had a tenth of its life left, and ends by itself.
  await until(() => controls.liveGrants(carol.subject) === 1)
  await until(async () => (await askAll('/api/v1/items')).every(status => status === 401))
  t.equal(controls.grants.impersonation, 2, 'and all replicas know of the logouts')

  controls.addFault({ path: '/oauth/token', status: 429, retryAfter: 60, times: 1 })
  const calls = tokenCalls()
  for (const [index, subject] of ['portal|one', 'portal|two', 'portal|three'].entries()) {
    controls.setUser({ ...carol, subject })
    t.equal((await at(index).assert(await issuer.state(subject, publicUrl))).status, 503)
  }
  t.equal(tokenCalls() - calls, 1, 'nor does another replica ask while the tenant limits')
  t.same(failures, [])
}

t.test('replicas share users by a Redis whose ACL gives them the documented rights alone', async t => {
  const server = await startRedisProcess(t, [`user gateway on >secret ${documentedRights()}`])
  await tryUsers(t, { redis: { REDIS_URL: `redis://gateway:secret@127.0.0.1:${server.port}` }, ask: server.ask })
})

t.test('replicas share users by a cluster', async t => {
  const { nodes, owner } = await startCluster(t, '{qlik-embed-gateway}:test')
  const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')
  await tryUsers(t, { redis: { REDIS_URL: `redis://${hosts}`, REDIS_MODE: 'cluster' }, ask: owner.ask })
})
