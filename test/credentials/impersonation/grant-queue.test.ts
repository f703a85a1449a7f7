import t from 'tap'
import { GrantQueue } from '../../../src/credentials/impersonation/grant-queue.js'
import { createOwnTurns } from '../../../src/credentials/impersonation/grant-turns.js'
import { TokenFailure } from '../../../src/credentials/token-failure.js'
import { failureOf } from '../../helpers/failure.js'

t.test('grants begin within the limit, wait for their turn, and fail at once where that is far', async t => {
  const queue = new GrantQueue(createOwnTurns(Date.now, { most: 2, windowMs: 200 }), 300)
  let begun = 0
  const runs = Array.from({ length: 6 }, async () => await queue.run(async () => { begun++ }))
  await Promise.all(runs.slice(0, 2))
  t.equal(begun, 2, 'the third waits until the first is out of the window')
  const outcomes = await Promise.allSettled(runs)
  t.same(outcomes.map(({ status }) => status), ['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected'])
  t.match(outcomes[4], { reason: { kind: 'unavailable', tenantCode: 'GRANTS-LIMITED', retryAfterSeconds: 1 } })
})

t.test('a tenant that limits stops all grants for as long as it says, those that wait for their turn too', async t => {
  let at = 1_000_000
  const queue = new GrantQueue(createOwnTurns(() => at, { most: 1, windowMs: 50 }), 100)
  const limited = new TokenFailure('unavailable', { status: 429, retryAfterSeconds: 30 })
  const first = queue.run(async () => { throw limited })
  const second = queue.run(async () => {})
  const [one, two] = await Promise.all([failureOf(first), failureOf(second)])
  t.equal(one, limited)
  t.match(two, { tenantCode: 'GRANTS-LIMITED', retryAfterSeconds: 30 })
  at += 20_000
  t.match(await failureOf(queue.run(async () => {})), { retryAfterSeconds: 10 })
  at += 10_001
  await queue.run(async () => {})
  t.match(await failureOf(queue.run(async () => { throw new TokenFailure('unavailable', { status: 429 }) })), { status: 429 })
  t.match(
    await failureOf(queue.run(async () => { throw new TokenFailure('client', { status: 401 }) })),
    { tenantCode: 'GRANTS-LIMITED' },
    'a second, where it does not say'
  )
})

t.test('a clock that is set back holds nobody up', async t => {
  let at = 1_000_000_000
  const queue = new GrantQueue(createOwnTurns(() => at, { most: 1 }))
  await queue.run(async () => {})
  at -= 3_600_000
  t.equal(await queue.run(async () => 'granted'), 'granted')
})
