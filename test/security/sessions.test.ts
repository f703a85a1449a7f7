import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import t from 'tap'
import { WebSocket } from 'ws'
import { SALES_APP_ID } from '../../sandbox/data/apps.js'
import { startSession, type Session } from '../../src/session/record.js'
import { startReplicas } from '../helpers/replicas.js'
import { cookieOf, hour, limits, linesOf, startedAt, startSessions, tokens, written } from '../helpers/session-stage.js'

t.test('an active session ends after its absolute lifetime', async t => {
  const stage = await startSessions(t)
  let cookie = cookieOf(await stage.get('/login'))
  for (let at = startedAt; at < startedAt + limits.maxMs; at += 12 * hour) {
    stage.clock.now = at
    const answer = await stage.get('/use', cookie)
    t.not(answer.json<{ session: Session | null }>().session, null)
    cookie = cookieOf(answer) || cookie
    for (const line of linesOf(answer)) t.match(line, `Max-Age=${(startedAt + limits.maxMs - at) / 1_000};`, 'and its cookie with it')
  }
  stage.clock.now = startedAt + limits.maxMs - 1
  t.not((await stage.get('/peek', cookie)).json<{ session: Session | null }>().session, null)
  stage.clock.now++
  t.same((await stage.get('/use', cookie)).json(), { session: null, again: null })
})

// CVE-2025-48947: an answer with a session in it was cached and handed to the next visitor.
t.test('an answer that sets a cookie is never cached, and keeps the cookies of others', async t => {
  const stage = await startSessions(t)
  const cookie = cookieOf(await stage.get('/login'))
  const quiet = await stage.get('/use', cookie)
  t.match(quiet.headers, { 'cache-control': 'public, max-age=60', 'set-cookie': 'other=1' })
  stage.clock.now += 12 * hour
  const writing = await stage.get('/use', cookie)
  t.equal(writing.headers['cache-control'], 'no-store')
  t.match(writing.headers['set-cookie'], ['other=1', /^__Host-qlik-session=/])
  t.equal((await stage.get('/logout', cookie)).headers['cache-control'], 'no-store')
})

t.test('a session of an older key is sealed anew at its next use, one of a removed key is none', async t => {
  const [old, young] = [randomBytes(32), randomBytes(32)]
  const before = await startSessions(t, { keys: [old] })
  const cookie = cookieOf(await before.get('/login'))
  const session = written(before, await before.get('/login', cookie))
  const rotated = await startSessions(t, { keys: [young, old] })
  rotated.clock.now += hour
  for (const path of ['/peek', '/use']) {
    const answer = await rotated.get(path, cookie)
    t.match(written(rotated, answer), { createdAt: session.createdAt, usedAt: startedAt, grant: tokens }, 'which is no use in itself')
    t.same(linesOf(await rotated.get(path, cookieOf(answer))), [], 'once')
    const after = await startSessions(t, { keys: [young] })
    t.match((await after.get(path, cookieOf(answer))).json(), { session: { createdAt: startedAt } })
    const removed = await after.get(path, cookie)
    t.same(removed.json(), { session: null, again: null })
    t.same(linesOf(removed), [])
  }
})

t.test('parts that are torn, or two sessions, are no session, and nothing of them is deleted', async t => {
  const stage = await startSessions(t)
  const small = cookieOf(await stage.get('/login'))
  const large = cookieOf(await stage.get('/refresh?size=4000', small)).split('; ')
  t.equal(large.length, 3)
  t.match((await stage.get('/peek', large.join('; '))).json(), { session: { grant: { generation: 1 } } })
  const cases: [title: string, cookie: string][] = [
    ['a part is missing', large.filter((_, part) => part !== 1).join('; ')],
    ['parts of two generations', [large[0], ...cookieOf(await stage.get('/refresh?size=4000', small)).split('; ').slice(1)].join('; ')],
    ['swapped parts', large.map((part, at) => `${part.split('=')[0]}=${large[[0, 2, 1][at] as number]?.split('=')[1]}`).join('; ')],
    ['two that open', `${small}; ${cookieOf(await stage.get('/login'))}`],
    ['the login cookie in its place', `__Host-qlik-session=1.${stage.seal.seal('login', startSession(tokens, startedAt))}`],
    ['nothing like it', '__Host-qlik-session=1.nonsense']
  ]
  for (const [title, cookie] of cases) {
    for (const path of ['/peek', '/use', '/slow']) {
      const answer = await stage.get(path, cookie)
      t.same(answer.json(), { session: null, again: null }, title)
      t.same(linesOf(answer), [], title)
    }
  }
})

t.test('a cookie of the same name that does not open gets in nobody\'s way, and is dropped with the next that is set', async t => {
  const stage = await startSessions(t)
  const small = cookieOf(await stage.get('/login'))
  for (const cookie of [`${small}; ${small}`, `__Host-qlik-session=1.planted; ${small}`, `${small}; __Host-qlik-session=3.planted`]) {
    t.match((await stage.get('/peek', cookie)).json(), { session: { createdAt: startedAt } }, cookie)
    stage.clock.now += 3 * hour
    t.match(linesOf(await stage.get('/use', cookie)), [
      /^__Host-qlik-session=; Max-Age=0; .*Partitioned; SameSite=None$/,
      /^__Host-qlik-session=1\./
    ])
  }
})

t.test('hundreds of cookies are refused before anything is opened', async t => {
  const stage = await startSessions(t)
  const cookie = cookieOf(await stage.get('/login'))
  const answer = await stage.get('/use', `${Array.from({ length: 300 }, (_, each) => `c${each}=x`).join('; ')}; ${cookie}`)
  t.equal(answer.statusCode, 431)
  t.equal(stage.opened(), 0)
  t.same(linesOf(answer), [])
})

// CVE-2024-31999: a cookie that was replayed after the logout still opened its session.
t.test('the cookie of a session that has ended is refused, and nothing is written for it', async t => {
  const stage = await startSessions(t)
  const login = await stage.get('/login')
  stage.ended.end(written(stage, login).id)
  stage.clock.now += 12 * hour
  for (const path of ['/peek', '/use']) {
    const answer = await stage.get(path, cookieOf(login))
    t.same(answer.json(), { session: null, again: null })
    t.same(linesOf(answer), [])
  }
  t.match(
    (await stage.get('/peek', cookieOf(await stage.get('/login')))).json(),
    { session: { createdAt: stage.clock.now } },
    'another login is another session'
  )
})

// auth0/nextjs-auth0#907: an answer that was slower than the logout set the session's cookie once more.
t.test('a slow answer that was under way at the logout does not bring the session back', async t => {
  const stage = await startSessions(t)
  const login = await stage.get('/login')
  const { id } = written(stage, login)
  stage.clock.now += 12 * hour
  t.equal(linesOf(await stage.get('/slow', cookieOf(login))).length, 1, 'without a logout it is written')
  stage.meanwhile = () => { stage.ended.end(id) }
  const slow = await stage.get('/slow', cookieOf(login))
  t.same(slow.json(), { session: null, again: null })
  t.same(linesOf(slow), [])
  const fresh = await stage.get('/login')
  stage.meanwhile = () => { stage.ended.end(written(stage, fresh).id) }
  t.same(linesOf(await stage.get('/refresh?size=10', cookieOf(fresh))), [], 'not with renewed tokens either')
})

// CVE-2024-31999: a copied cookie outlives the logout.
t.test('signing out at one replica closes the sockets of that session at all, and its cookie opens nothing anywhere', async t => {
  const { redis, origins, publicUrl, signIn } = await startReplicas(t)
  const [browser, other] = [await signIn(), await signIn()]
  const cookie = browser.cookies.header(new URL(publicUrl))
  const open = (origin: string, cookie: string) =>
    new WebSocket(`${origin.replace('http', 'ws')}/app/${SALES_APP_ID}`, { headers: { cookie, origin: publicUrl } })
  const sockets = origins.map(origin => open(origin, cookie))
  const bystander = open(origins[1] as string, other.cookies.header(new URL(publicUrl)))
  await Promise.all([...sockets, bystander].map(async socket => { await once(socket, 'message') }))
  const closed = Promise.all(sockets.map(async socket => (await once(socket, 'close') as [number])[0]))
  await browser.fetch(`${origins[2]}/logout`, { redirect: 'manual' })
  t.same(await closed, [4006, 4006, 4006])
  for (const origin of origins) t.equal((await fetch(`${origin}/api/v1/items`, { headers: { cookie } })).status, 401)
  t.equal(bystander.readyState, WebSocket.OPEN)
  bystander.terminate()
  await redis.kill()
  for (const origin of origins) {
    t.equal((await fetch(`${origin}/api/v1/items`, { headers: { cookie } })).status, 401, 'also when Redis has gone')
  }
})
