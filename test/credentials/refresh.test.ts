import t from 'tap'
import type { RenewableTokens, TokenSet } from '../../src/session/record.js'
import { TokenFailure } from '../../src/credentials/token-failure.js'
import { ownGrants, renewalDueAt } from '../../src/credentials/grants.js'
import { failureOf } from '../helpers/failure.js'
import { turnLimits } from '../helpers/limits.js'
import { due, hour, jwt, startRefresher } from '../helpers/refresher.js'

t.test('a token is due 60 seconds before its end, or a tenth of a shorter life', async t => {
  const at = (life: number) => renewalDueAt({ accessToken: 'a', grantedAt: 0, endsAt: life, generation: 0 })
  t.equal(at(21_600_000), 21_540_000)
  t.equal(at(600_000), 540_000)
  t.equal(at(3_000), 2_700)
})

t.test('a token that is not due is used as it is, and nothing is remembered of it', async t => {
  const { refresher, first, grants } = startRefresher()
  t.equal(await refresher.renew(first), first)
  t.same(grants, [])
})

t.test('whoever comes later with an older cookie gets the newest tokens without a grant, however old it is', async t => {
  const { refresher, first, grants, clock } = startRefresher()
  let newest: TokenSet = first
  for (let round = 0; round < 4; round++) {
    clock.at += due
    newest = await refresher.renew(newest)
  }
  t.same(grants, ['r', 'r+', 'r++', 'r+++'])
  t.equal(await refresher.renew(first), newest)
  t.equal(grants.length, 4)
  clock.at += due
  t.match(await refresher.renew(first), { generation: 5 }, 'and leads on from there when that is due')
  t.equal(grants.at(-1), 'r++++')
})

t.test('a tenant that does not rotate is asked once per expiry too', async t => {
  const { refresher, first, grants, clock } = startRefresher({ rotate: false })
  clock.at += due
  const second = await refresher.renew(first)
  t.equal(await refresher.renew(first), second)
  clock.at += due
  const [third, same] = await Promise.all([refresher.renew(first), refresher.renew(second)])
  t.equal(third, same)
  t.same(grants, ['r', 'r'])
  const elsewhere: RenewableTokens = { ...first, ...third, accessToken: jwt('alice', 99), generation: 7, endsAt: third.endsAt + hour }
  t.equal(await refresher.renew(elsewhere), elsewhere, 'newer tokens from another replica are taken over')
  t.equal(await refresher.renew(first), elsewhere)
})

t.test('tokens that do not say whose they are pass for the same user\'s', async t => {
  for (const accessToken of ['opaque', 'a.b.c', `a.${Buffer.from('{"sub":1}').toString('base64url')}.c`]) {
    const { refresher, first, clock } = startRefresher()
    clock.at += due
    t.match(await refresher.renew({ ...first, accessToken }), { refreshToken: 'r+' })
  }
})

t.test('a refused grant ends the login for every cookie of it, with one call where no token serves any more', async t => {
  const { refresher, first, grants, clock, fail } = startRefresher()
  clock.at += hour
  fail('refused')
  for (let round = 0; round < 3; round++) t.match(await failureOf(refresher.renew(first)), { kind: 'refused', status: 503 })
  t.same(grants, ['r'])
})

t.test('while the access token serves, a refusal is asked once more before it counts', async t => {
  const { refresher, first, grants, clock, fail } = startRefresher()
  clock.at += due
  fail('refused')
  t.equal(await refresher.renew(first), first, 'nobody notices the first')
  t.equal(await refresher.renew(first), first, 'nor asks again at once')
  t.match(
    await failureOf(refresher.renew(first, first.accessToken)),
    { kind: 'unavailable', retryAfterSeconds: 1 },
    'whom the token does not serve is told to wait'
  )
  clock.at += 1_000
  fail('refused')
  t.match(await failureOf(refresher.renew(first)), { kind: 'refused' })
  t.same(grants, ['r', 'r'])
})

t.test('a refusal that is not confirmed ends nothing, and the next one is doubted again', async t => {
  const { refresher, first, clock, fail } = startRefresher()
  clock.at += due
  fail('refused')
  await refresher.renew(first)
  clock.at += 1_000
  const second = await refresher.renew(first)
  t.match(second, { generation: 1 })
  clock.at += due
  fail('refused')
  t.equal(await refresher.renew(first), second)
})

t.test('a client that is refused ends no login: the token serves to its end, and afterwards the next attempt may succeed', async t => {
  const { refresher, first, clock, fail } = startRefresher()
  clock.at += due
  fail('client')
  t.equal(await refresher.renew(first), first)
  clock.at += hour
  fail('client')
  t.match(await failureOf(refresher.renew(first)), { kind: 'client', retryAfterSeconds: 2 })
  clock.at += 2_000
  t.match(await refresher.renew(first), { generation: 1 })
})

t.test('a tenant that asks for no time is given a second, and a clock that was set back waits for nothing', async t => {
  const { refresher, first, clock, fail, grants } = startRefresher()
  clock.at += hour
  fail('unavailable', 0)
  t.match(await failureOf(refresher.renew(first)), { retryAfterSeconds: 1 })
  t.match(await failureOf(refresher.renew(first)), { retryAfterSeconds: 1 })
  t.equal(grants.length, 1)
  clock.at -= 2 * hour
  t.match(await refresher.renew(first, first.accessToken), { generation: 1 })
})

t.test('without a time from the tenant the wait grows from one second to a minute', async t => {
  const { refresher, first, clock, fail, grants } = startRefresher()
  clock.at += hour
  const waits: number[] = []
  for (let attempt = 0; attempt < 9; attempt++) {
    fail('unavailable')
    const failure = await refresher.renew(first).catch((error: TokenFailure) => error) as TokenFailure
    waits.push(failure.retryAfterSeconds ?? 0)
    clock.at += (failure.retryAfterSeconds ?? 0) * 1000
  }
  t.equal(grants.length, 9)
  t.equal(waits[0], 1)
  for (const [attempt, wait] of waits.entries()) {
    const most = Math.min(60, 2 ** attempt)
    t.ok(wait >= Math.min(1, most / 2) && wait <= most, `attempt ${attempt}: ${wait} of at most ${most}`)
  }
  t.match(await refresher.renew(first), { generation: 1 })
})

t.test('a failure nobody foresaw counts as an unavailable tenant', async t => {
  const { refresher, first, clock, state } = startRefresher()
  clock.at += hour
  state.foreign = new Error('boom')
  t.match(await failureOf(refresher.renew(first)), { kind: 'unavailable' })
})

t.test('a token that the tenant refused is replaced once for all who hold it', async t => {
  const { refresher, first, grants } = startRefresher()
  const [one, two] = await Promise.all([refresher.renew(first, first.accessToken), refresher.renew(first, first.accessToken)])
  t.equal(one, two)
  t.equal(await refresher.renew(first, first.accessToken), one, 'also for the one who comes late')
  t.same(grants, ['r'])
})

t.test('a refused token that cannot be replaced does not pass for usable', async t => {
  const { refresher, first, fail } = startRefresher()
  fail('unavailable')
  t.match(await failureOf(refresher.renew(first, first.accessToken)), { kind: 'unavailable' })
  t.match(await failureOf(refresher.renew(first, first.accessToken)), { kind: 'unavailable' }, 'nor while the next attempt waits')
  t.equal(await refresher.renew(first), first, 'but serves those whose calls are not refused')
})

t.test('without a refresh token the login ends with its access token', async t => {
  const { refresher, clock } = startRefresher()
  const only: TokenSet = { accessToken: 'a', grantedAt: clock.at, endsAt: clock.at + hour, generation: 0 }
  t.equal(await refresher.renew(only), only)
  clock.at += due
  t.equal(await refresher.renew(only), only)
  t.match(await failureOf(refresher.renew(only, 'a')), { kind: 'refused' })
  clock.at += 60_000
  t.match(await failureOf(refresher.renew(only)), { kind: 'refused', tenantCode: 'NO-REFRESH-TOKEN' })
})

t.test('memory is bounded: the least recently used successor is forgotten first', async t => {
  const { refresher, first, clock, grants } = startRefresher({ mostRemembered: 4 })
  const others = Array.from({ length: 4 }, (_, index): TokenSet => ({ ...first, refreshToken: `other${index}` }))
  clock.at += due
  await refresher.renew(first)
  for (const other of others) await refresher.renew(other)
  await refresher.renew(first)
  t.equal(grants.filter(token => token === 'r').length, 2)
})

t.test('the token that is alive is known once a grant under way has ended, however that ends', async t => {
  const { refresher, first, clock, hold, release, fail } = startRefresher()
  t.equal(await refresher.currentRefreshToken(first), 'r')
  t.equal(await refresher.currentRefreshToken({ accessToken: 'a', grantedAt: 0, endsAt: 0, generation: 0 }), undefined)
  clock.at += due
  hold()
  const renewed = refresher.renew(first)
  const settled = refresher.currentRefreshToken(first)
  release()
  await renewed
  t.equal(await settled, 'r+')
  clock.at += due
  fail('unavailable')
  hold()
  const failed = refresher.renew(first)
  const unchanged = refresher.currentRefreshToken(first)
  release()
  await failed
  t.equal(await unchanged, 'r+')
})

t.test('the newest tokens are known for every cookie of a login, and never older ones than it brings', async t => {
  const { refresher, first, clock } = startRefresher()
  t.equal(refresher.newest(first), first)
  const only: TokenSet = { accessToken: 'a', grantedAt: 0, endsAt: 0, generation: 0 }
  t.equal(refresher.newest(only), only)
  clock.at += due
  const second = await refresher.renew(first)
  t.equal(refresher.newest(first), second)
  const elsewhere = { ...second, generation: 9 }
  t.equal(refresher.newest(elsewhere), elsewhere)
})

t.test('a grant that takes long holds up nobody whose token still serves, and its result is not lost', async t => {
  const { refresher, first, clock, grants, hold, release } = startRefresher()
  const limits = turnLimits(t)
  clock.at += due
  hold()
  const served = refresher.renew(first)
  limits.pass(2)
  t.equal(await served, first)
  t.equal(await refresher.renew(first), first)
  clock.at = first.endsAt
  const waiting = refresher.renew(first)
  const refused = refresher.renew(first, first.accessToken)
  // The grant counts as slow already: whoever does not wait for it is answered within this turn.
  await new Promise(setImmediate)
  release()
  t.match(await waiting, { generation: 1 }, 'whose token has ended waits')
  t.equal(await refused, await waiting)
  t.equal(await refresher.renew(first), await waiting)
  t.equal(grants.length, 1)
})

t.test('what followed at other replicas is known once they were asked, and a replica that cannot be asked changes nothing', async t => {
  const [second, third] = [1, 2].map(generation => ({
    accessToken: `a${generation}`,
    refreshToken: `r${generation}`,
    grantedAt: 0,
    endsAt: 9 * hour,
    generation
  })) as [RenewableTokens, RenewableTokens]
  const known = new Map([['r', second], ['r1', third]])
  let readable = true
  const { refresher, first } = startRefresher({
    grants: {
      ...ownGrants,
      async find ({ refreshToken }) {
        if (!readable) throw new TokenFailure('unavailable', { tenantCode: 'UNREADABLE' })
        return known.get(refreshToken)
      }
    }
  })
  readable = false
  await refresher.follow(first)
  t.equal(refresher.newest(first), first)
  readable = true
  await refresher.follow(first)
  for (const tokens of [first, second]) t.equal(refresher.newest(tokens), third)
  await refresher.follow({ accessToken: 'a', grantedAt: 0, endsAt: 0, generation: 0 })
  t.equal(await refresher.renew(first), third)
})

t.test('tokens serve until they are due, their login was refused, or newer ones are known', async t => {
  const { refresher, first, clock, fail } = startRefresher()
  t.ok(refresher.serves(first))
  const only: TokenSet = { accessToken: 'a', grantedAt: 0, endsAt: hour, generation: 0 }
  t.ok(refresher.serves(only), 'without a refresh token they serve to their end')
  clock.at += due
  t.notOk(refresher.serves(first))
  const second = await refresher.renew(first)
  t.ok(refresher.serves(second))
  t.ok(refresher.serves({ ...second }), 'as a cookie brings them')
  t.notOk(
    refresher.serves({ ...first, endsAt: second.endsAt, grantedAt: second.grantedAt }),
    'older ones do not, though they have not ended'
  )
  fail('refused')
  await t.rejects(refresher.renew(second, second.accessToken))
  t.notOk(refresher.serves(second))
  clock.at += hour
  t.notOk(refresher.serves(only))
})
