import t from 'tap'
import { readSession, startSession, tokensOf, userOf } from '../../src/session/record.js'

const tokens = { accessToken: 'a', grantedAt: 0, endsAt: 1, generation: 0 }
const user = { user: 'somebody', statement: 'hash' }

t.test('a session holds tokens or names a user, and neither stands for the other', async t => {
  t.equal(tokensOf(tokens), tokens)
  t.equal(userOf(user), user)
  t.throws(() => tokensOf(user), { code: 'GW-NO-SESSION' })
  t.throws(() => userOf(tokens), { code: 'GW-NO-SESSION' })
  for (const session of [startSession(tokens, 0), startSession(user, 0)]) t.equal(readSession(session), session)
  t.equal(readSession({ ...startSession(user, 0), grant: { ...tokens, user: 7 } }), undefined)
})
