import t from 'tap'
import { createOwnUsers } from '../../../src/credentials/impersonation/user-store.js'

t.test('of a user with 10,000 sessions no more are counted, and those that are stay so', async t => {
  const users = createOwnUsers(() => 0)
  const ids = Array.from({ length: 10_000 }, (_, at) => `session-${at}`)
  for (const id of ids) users.join('carol', { id, endsAt: 1 })
  users.join('carol', { id: 'one-more', endsAt: 1 })
  users.join('carol', { id: 'session-0', endsAt: 2 })
  t.ok((await Promise.all(ids.slice(1).map(async id => await users.leave('carol', id)))).every(left => left === undefined))
  t.same(await users.leave('carol', 'session-0'), [])
  t.same(await users.leave('nobody', 'session-0'), [], 'whoever is not known has none')
})
