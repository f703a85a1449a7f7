import t from 'tap'
import { readOutcome, resultOf, tokensIn } from '../../src/replicas/outcome.js'
import { TokenFailure } from '../../src/credentials/token-failure.js'

const tokens = { accessToken: 'a', refreshToken: 'r', grantedAt: 0, endsAt: 1, generation: 0 }
const failure = { kind: 'unavailable', tenantCode: 'NO-WORD' } as const

t.test('an outcome is read as it was stored, tokens or a failure', async t => {
  t.same(tokensIn(readOutcome('key', { of: 'key', tokens })), tokens)
  t.same(tokensIn(readOutcome('key', { of: 'key', failure })), undefined)
  t.match(readOutcome('key', { of: 'key', ...resultOf(new TokenFailure('limited', { status: 403, cause: new Error('more') })) }), {
    failure: { kind: 'limited', status: 403, cause: undefined }
  })
})

t.test('an outcome of another key or format is none, whichever version of the gateway stored it', async t => {
  for (const [title, opened] of Object.entries({
    nothing: undefined,
    'another key': { of: 'other', tokens },
    neither: { of: 'key' },
    'tokens that cannot be renewed': { of: 'key', tokens: { ...tokens, refreshToken: undefined } },
    'tokens of another format': { of: 'key', tokens: { access: 'a', refresh: 'r' } },
    'a failure of another kind': { of: 'key', failure: { kind: 'postponed' } },
    'another grant': { of: 'key', grant: { v: 2, tokens } }
  })) t.equal(readOutcome('key', opened), undefined, title)
})
