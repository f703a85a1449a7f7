import t from 'tap'
import { sessionEndsAt, startSession, type Session } from '../../src/session/record.js'
import { createSignals } from '../../src/signals.js'
import { cookieOf, hour, jar, limits, linesOf, startedAt, startSessions, tokens, written } from '../helpers/session-stage.js'

t.test('a login starts a session that the next request brings back, in a cookie that lives as long as it can', async t => {
  const stage = await startSessions(t)
  const login = await stage.get('/login')
  t.match(linesOf(login), [/^__Host-qlik-session=1\.[\w.-]+; Max-Age=604800; Path=\/; HttpOnly; Secure; SameSite=Lax$/])
  const session = written(stage, login)
  t.match(session, { id: /^[\w-]{22}$/, createdAt: startedAt, usedAt: startedAt, grant: tokens })
  t.same((await stage.get('/use', cookieOf(login))).json(), { session, again: session })
  t.not(written(stage, await stage.get('/login')).id, session.id, 'every login has an id of its own')
})

t.test('the session is opened when something asks for it, once, and not for every file', async t => {
  const stage = await startSessions(t)
  const cookie = cookieOf(await stage.get('/login'))
  await stage.get('/file', cookie)
  t.equal(stage.opened(), 0)
  await stage.get('/slow', cookie)
  t.equal(stage.opened(), 1)
})

t.test('an unused session ends after its idle time, and its cookie is left alone', async t => {
  const stage = await startSessions(t)
  const cookie = cookieOf(await stage.get('/login'))
  stage.clock.now = startedAt + limits.idleMs - 1
  t.match((await stage.get('/peek', cookie)).json(), { session: { createdAt: startedAt } })
  stage.clock.now++
  const over = await stage.get('/use', cookie)
  t.same(over.json(), { session: null, again: null })
  t.same(linesOf(over), [])
})

t.test('a session that something held in use is as good as used, whatever its cookie says, and sealed anew at its next use', async t => {
  const stage = await startSessions(t)
  const cookie = cookieOf(await stage.get('/login'))
  stage.heldAt = startedAt + limits.idleMs
  stage.clock.now = stage.heldAt + limits.idleMs - 1
  t.match((await stage.get('/peek', cookie)).json(), { session: { usedAt: stage.heldAt } })
  t.match(written(stage, await stage.get('/use', cookie)), { createdAt: startedAt, usedAt: stage.clock.now, grant: tokens })
  stage.clock.now++
  t.same((await stage.get('/use', cookie)).json(), { session: null, again: null }, 'until its idle time has passed again')
  stage.heldAt = stage.clock.now
  t.equal(linesOf(await stage.get('/use', cookie)).length, 1, 'held just now: the cookie must not fall behind')
  stage.heldAt = stage.clock.now = startedAt + limits.maxMs
  t.same((await stage.get('/use', cookie)).json(), { session: null, again: null }, 'never beyond its absolute lifetime')
})

t.test('the end of a session is the earlier of the two', async t => {
  const session = { ...startSession(tokens, 1_000), usedAt: 5_000 }
  t.equal(sessionEndsAt(session, { idleMs: 10, maxMs: 100_000 }), 5_010)
  t.equal(sessionEndsAt(session, { idleMs: 100_000, maxMs: 5_000 }), 6_000)
})

t.test('use is written once a tenth of the idle time has passed, at once where that is short, and looking is no use', async t => {
  const cases: [idleMs: number, unwrittenMs: number][] = [[24 * hour, 2.4 * hour], [600_000, 60_000], [599_000, 0]]
  for (const [idleMs, unwrittenMs] of cases) {
    const stage = await startSessions(t, { idleMs })
    const cookie = cookieOf(await stage.get('/login'))
    stage.clock.now = startedAt + unwrittenMs
    t.same(linesOf(await stage.get('/use', cookie)), [], `not after ${unwrittenMs} ms`)
    stage.clock.now++
    t.same(linesOf(await stage.get('/peek', cookie)), [], 'not for looking')
    const answer = await stage.get('/use', cookie)
    t.match(written(stage, answer), { createdAt: startedAt, usedAt: stage.clock.now, grant: tokens })
    t.equal(answer.json<{ again: Session }>().again.usedAt, stage.clock.now, 'the request sees it too')
  }
})

t.test('a session that shrinks drops the parts that it needs no more, even if nobody had asked for it before', async t => {
  const stage = await startSessions(t)
  const large = cookieOf(await stage.get('/refresh?size=4000', cookieOf(await stage.get('/login'))))
  const answer = await stage.get('/login', large)
  t.match(linesOf(answer), [
    /^__Host-qlik-session=1\./,
    /^__Host-qlik-session\.1=; Max-Age=0; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    /^__Host-qlik-session\.2=; Max-Age=0; /
  ])
})

t.test('a session that fits into no four cookies is an error to who stores it, and the old one stays', async t => {
  const stage = await startSessions(t)
  const answer = await stage.get('/refresh?size=9000', cookieOf(await stage.get('/login')))
  t.same(answer.json(), { caught: 'GW-SESSION-TOO-LARGE' })
  t.same(linesOf(answer), [])
})

t.test('a dropped session is cleared in every part that it can have, with the attributes that it was set with', async t => {
  const stage = await startSessions(t)
  const cookie = cookieOf(await stage.get('/login'))
  const answer = await stage.get('/logout', cookie)
  t.same(answer.json(), { session: null, again: null })
  t.same(
    linesOf(answer),
    ['', '.1', '.2', '.3'].map(part => `__Host-qlik-session${part}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax`)
  )
  t.same(linesOf(await stage.get('/logout')), [], 'where none came, the browser may have got one meanwhile')
  const again = await stage.get('/logout-and-login', cookie)
  t.match(again.json(), { session: { createdAt: startedAt } })
  t.equal(linesOf(again).length, 1)
})

t.test('an answer that took long writes the newest tokens, not those that it began with', async t => {
  const stage = await startSessions(t)
  const cookie = cookieOf(await stage.get('/login'))
  stage.clock.now += 12 * hour
  const newer = { ...tokens, accessToken: 'newer', generation: 7 }
  stage.meanwhile = () => { stage.followed = newer }
  t.match(written(stage, await stage.get('/slow', cookie)), { usedAt: stage.clock.now, grant: newer })
})

t.test('before a session is stored replicas are asked what followed from its tokens, and not for other answers', async t => {
  const stage = await startSessions(t)
  const cookie = cookieOf(await stage.get('/login'))
  t.equal(stage.asked, 1)
  await stage.get('/use', cookie)
  await stage.get('/logout', cookie)
  t.equal(stage.asked, 1)
  stage.clock.now += 12 * hour
  stage.elsewhere = { ...tokens, accessToken: 'of another replica', generation: 3 }
  t.match(written(stage, await stage.get('/use', cookie)), { usedAt: stage.clock.now, grant: stage.elsewhere })
  t.equal(stage.asked, 2)
})

t.test('newer tokens that fit into no cookies leave the answer as it is', async t => {
  const stage = await startSessions(t)
  const cookie = cookieOf(await stage.get('/login'))
  stage.clock.now += 12 * hour
  stage.meanwhile = () => { stage.followed = { ...tokens, accessToken: 'x'.repeat(16_000), generation: 7 } }
  const answer = await stage.get('/slow', cookie)
  t.match(answer, { statusCode: 200 })
  t.same(linesOf(answer), [])
})

t.test('the bytes of each session that goes out are told, in all its parts, and those of a dropped one are none', async t => {
  const signals = createSignals()
  const told: [cookie: string, bytes: number][] = []
  signals.on('cookieSet', (cookie, bytes) => { told.push([cookie, bytes]) })
  const stage = await startSessions(t, { signals })
  const small = cookieOf(await stage.get('/login'))
  const large = cookieOf(await stage.get('/refresh?size=4000', small))
  await stage.get('/login', large)
  await stage.get('/logout', large)
  const bytes = (cookie: string) => cookie.split('; ').reduce((sum, pair) => sum + pair.length - 1, 0)
  t.same(told, [['session', bytes(small)], ['session', bytes(large)], ['session', bytes(small)]])
})

t.test('a request that was answered before it came to the session has none to write', async t => {
  const stage = await startSessions(t)
  const answer = await stage.get('/refused', cookieOf(await stage.get('/login')))
  t.match(answer, { statusCode: 400, body: 'refused' })
  t.same(linesOf(answer), [])
})

t.test('a session of another format is none, and its cookie is left for a replica that can read it', async t => {
  const stage = await startSessions(t)
  const session = written(stage, await stage.get('/login'))
  const { grant, ...rest } = session
  const others: [title: string, sealed: object][] = [
    ['the next version', { ...session, v: 2 }],
    ['the format before versions', { id: session.id, createdAt: startedAt, usedAt: startedAt, tokens }],
    ['without a grant', rest],
    ['a grant of a user without what was said of them', { ...rest, grant: { user: 'somebody' } }],
    ['a grant without its token', { ...rest, grant: { ...grant, accessToken: undefined } }]
  ]
  for (const [title, sealed] of others) {
    const lines = jar.write('session', stage.seal.seal('session', sealed), 60)
    const answer = await stage.get('/use', lines.map(line => line.split(';', 1)[0]).join('; '))
    t.same([answer.json(), linesOf(answer)], [{ session: null, again: null }, []], title)
  }
})
