import t from 'tap'
import type { RenewableTokens } from '../../src/session/record.js'
import type { TokenFailure } from '../../src/credentials/token-failure.js'
import { failureOf } from '../helpers/failure.js'
import { due, jwt, startRefresher } from '../helpers/refresher.js'

t.test('whoever asks at the same time shares one grant', async t => {
  const { refresher, first, grants, clock, hold, release } = startRefresher()
  clock.at += due
  hold()
  const asked = Array.from({ length: 50 }, async () => await refresher.renew(first))
  release()
  const answers = await Promise.all(asked)
  t.same(grants, ['r'])
  t.equal(new Set(answers).size, 1)
  t.match(answers[0], { refreshToken: 'r+', generation: 1 })
})

// CVE-2025-26620: a flight that two users shared gave one the other's token.
t.test('two users never share tokens, and tokens of another user end the session', async t => {
  const { refresher, first, clock, discarded } = startRefresher()
  const other: RenewableTokens = { ...first, accessToken: jwt('bob', 1), refreshToken: 'q' }
  clock.at += due
  const [mine, theirs] = await Promise.all([refresher.renew(first), refresher.renew(other).catch((error: TokenFailure) => error)])
  t.match(mine, { refreshToken: 'r+' })
  t.match(theirs, { kind: 'refused', tenantCode: 'ANOTHER-USER' }, 'tokens of another user are none')
  t.same(discarded, ['q+'], 'and given back')
})

t.test('any other failure leaves the current token in use until its own end', async t => {
  for (const kind of ['limited', 'unavailable'] as const) {
    const { refresher, first, grants, clock, fail } = startRefresher()
    clock.at += due
    fail(kind)
    t.equal(await refresher.renew(first), first)
    t.equal(await refresher.renew(first), first)
    t.same(grants, ['r'], 'the next attempt waits a second')
    clock.at += 60_000
    fail(kind, 120)
    t.match(
      await failureOf(refresher.renew(first)),
      { kind, status: 503, tenantCode: 'X-1', retryAfterSeconds: 60 },
      'then everybody gets the failure, 60 seconds at most'
    )
    t.match(await failureOf(refresher.renew(first)), { kind, retryAfterSeconds: 60 })
    clock.at += 119_000
    t.match(await failureOf(refresher.renew(first)), { kind, retryAfterSeconds: 1 })
    t.equal(grants.length, 2)
    clock.at += 1_000
    t.match(await refresher.renew(first), { refreshToken: 'r+' }, 'the tenant\'s own time is waited for')
  }
})
