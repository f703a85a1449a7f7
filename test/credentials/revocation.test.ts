import { once } from 'node:events'
import t from 'tap'
import { createRevocation } from '../../src/credentials/revocation.js'
import { TokenFailure, type FailureKind } from '../../src/credentials/token-failure.js'
import { createSignals } from '../../src/signals.js'
import { createLog, until } from '../helpers/log.js'

const tokens = { accessToken: 'a', refreshToken: 'the-secret', grantedAt: 0, endsAt: 0, generation: 0 }

/** A tenant that fails as told before it revokes; the tokens that it was given, when, and what became of each attempt. */
function setUp (failures: TokenFailure[], firstWaitMs = 5) {
  const given: string[] = []
  const times: number[] = []
  const outcomes: string[] = []
  const signals = createSignals().on('revoked', outcome => { outcomes.push(outcome) })
  const revocation = createRevocation({
    firstWaitMs,
    signals,
    refresher: { currentRefreshToken: async ({ refreshToken }) => refreshToken },
    tenant: {
      async revoke (token) {
        given.push(token)
        times.push(performance.now())
        const failure = failures.shift()
        if (failure !== undefined) throw failure
      }
    }
  })
  return { ...revocation, signals, given, times, outcomes, ...createLog() }
}

const failure = (kind: FailureKind, retryAfterSeconds?: number) => new TokenFailure(kind, { status: 500, retryAfterSeconds })

t.test('a token is revoked by the first attempt that succeeds', async t => {
  const { revoke, close, outcomes, log, lines } = setUp([failure('unavailable'), failure('limited')])
  revoke(tokens, log)
  await until(() => outcomes.length === 3)
  t.same(outcomes, ['postponed', 'postponed', 'revoked'])
  // It would tell of an attempt that is still to be made.
  close()
  t.same(lines, [])
})

t.test('a token that many give back is revoked once', async t => {
  const { revoke, given, log } = setUp([])
  for (let time = 0; time < 5; time++) revoke(tokens, log)
  await until(() => given.length > 0)
  revoke(tokens, log)
  revoke({ ...tokens, refreshToken: 'another' }, log)
  await until(() => given.includes('another'))
  t.same(given, ['the-secret', 'another'])
})

t.test('attempts end after five, at once where the tenant refuses, and the log never holds the token', async t => {
  for (const [kind, attempts] of [['unavailable', 5], ['refused', 1]] as const) {
    const { revoke, times, log, lines } = setUp(Array.from({ length: 9 }, () => failure(kind)))
    revoke(tokens, log)
    await until(() => lines.length === 1)
    t.equal(times.length, attempts)
    t.match(lines, [
      { level: 'warn', msg: 'the refresh token could not be revoked at the tenant', attempts, failure: /^The token endpoint/ }
    ])
    t.notMatch(JSON.stringify(lines), 'the-secret')
  }
})

t.test('the time that the tenant asks for is waited', async t => {
  const { revoke, times, log } = setUp([failure('unavailable', 1)])
  revoke(tokens, log)
  await until(() => times.length === 2)
  t.ok((times[1] as number) - (times[0] as number) > 950)
})

t.test('what still waits when the gateway ends is dropped with a word', async t => {
  const { revoke, close, signals, log, messages } = setUp([failure('unavailable'), failure('unavailable')], 100_000)
  const postponed = once(signals, 'revoked')
  revoke(tokens, log)
  await postponed
  close()
  t.same(messages(), ['the gateway ends before the refresh token could be revoked at the tenant'])
  revoke(tokens, log)
  await until(() => messages().length === 2)
  t.equal(messages()[1], 'the refresh token could not be revoked at the tenant')
})
