import { randomBytes } from 'node:crypto'
import fastify, { type FastifyInstance, type FastifyRequest, type LightMyRequestResponse } from 'fastify'
import t from 'tap'
import type { GatewayError } from '../../src/errors.js'
import { createCookieJar } from '../../src/session/cookies.js'
import { createEndedSessions, type EndedSessions } from '../../src/session/ended.js'
import { createSeal, type Seal } from '../../src/session/seal.js'
import { sessionEndsAt, sessionPlugin, startSession, type Session, type TokenSet } from '../../src/session/session.js'
import { createSignals, type Signals } from '../../src/signals.js'

const hour = 3_600_000
const limits = { idleMs: 24 * hour, maxMs: 7 * 24 * hour }
const startedAt = Date.UTC(2030, 0, 1)
const jar = await createCookieJar({ secure: true, crossSite: false })
const tokens: TokenSet = { accessToken: 'access', refreshToken: 'refresh', grantedAt: startedAt, endsAt: startedAt + hour, generation: 0 }

interface Stage {
  app: FastifyInstance
  clock: { now: number }
  seal: Seal
  ended: EndedSessions
  opened: () => number
  /** What a request in the middle waits for. */
  meanwhile: (() => void) | undefined
  /** What a refresher knows to have followed from the tokens of a session. */
  followed: TokenSet | undefined
  /** What replicas know of it beyond that, and how often they were asked. */
  elsewhere: TokenSet | undefined
  asked: number
  /** When something held the session in use last. */
  heldAt: number
  get: (path: string, cookie?: string) => Promise<LightMyRequestResponse>
}

/** A small application with sessions and a clock of its own. */
async function start (t: { teardown: (handler: () => Promise<void>) => void }, { keys = [randomBytes(32)], idleMs = limits.idleMs, signals = createSignals() }: { keys?: Buffer[], idleMs?: number, signals?: Signals } = {}): Promise<Stage> {
  const clock = { now: startedAt }
  const sealed = await createSeal(keys)
  let opened = 0
  const seal: Seal = {
    seal: (...all) => sealed.seal(...all),
    open (...all) {
      opened++
      return sealed.open(...all)
    },
    forget: text => { sealed.forget(text) }
  }
  const ended = createEndedSessions(limits.maxMs)
  const app = fastify()
  t.teardown(async () => { await app.close() })
  app.addHook('onRequest', async (request, reply) => {
    if (request.url === '/refused') return reply.code(400).send('refused')
  })
  await app.register(sessionPlugin, { seal, jar, ended, limits: { ...limits, idleMs }, now: () => clock.now, newest: tokens => stage.followed ?? tokens, follow: async () => { await follow() }, lastUse: () => stage.heldAt, signals })
  const follow = async () => {
    stage.asked++
    await new Promise(setImmediate)
    stage.followed = stage.elsewhere ?? stage.followed
  }
  const show = (request: FastifyRequest, session: Session | undefined) => ({ session: session ?? null, again: request.qlikSession.peek() ?? null })
  const stage: Stage = { app, clock, seal: sealed, ended, opened: () => opened, meanwhile: undefined, followed: undefined, elsewhere: undefined, asked: 0, heldAt: 0, get: async (url, cookie) => await app.inject({ url, headers: cookie === undefined ? {} : { cookie } }) }
  app.get('/file', async () => 'file')
  app.get('/peek', async request => show(request, request.qlikSession.peek()))
  app.get('/use', async (request, reply) => {
    reply.header('cache-control', 'public, max-age=60').header('set-cookie', 'other=1')
    return show(request, request.qlikSession.use())
  })
  app.get('/slow', async request => {
    request.qlikSession.use()
    stage.meanwhile?.()
    return show(request, request.qlikSession.use())
  })
  app.get('/login', async request => {
    request.qlikSession.replace(startSession(tokens, clock.now))
    return {}
  })
  app.get<{ Querystring: { size: string } }>('/refresh', async request => {
    const session = request.qlikSession.peek() as Session
    const renewed = { ...session, tokens: { ...session.tokens, accessToken: randomBytes(Number(request.query.size)).toString('hex'), generation: 1 } }
    stage.meanwhile?.()
    try {
      request.qlikSession.replace(renewed)
    } catch (error) {
      return { caught: (error as GatewayError).code }
    }
    return {}
  })
  app.get('/logout', async request => {
    request.qlikSession.drop()
    return show(request, request.qlikSession.use())
  })
  app.get('/logout-and-login', async request => {
    request.qlikSession.drop()
    request.qlikSession.replace(startSession(tokens, clock.now))
    return show(request, request.qlikSession.peek())
  })
  return stage
}

const linesOf = (answer: LightMyRequestResponse) => [answer.headers['set-cookie'] ?? []].flat().filter(line => line.startsWith('__Host-'))
const cookieOf = (answer: LightMyRequestResponse) => linesOf(answer).filter(line => !line.includes('Max-Age=0')).map(line => line.split(';', 1)[0]).join('; ')

function written (stage: Stage, answer: LightMyRequestResponse): Session {
  return stage.seal.open('session', jar.read('session', cookieOf(answer)).value as string)?.value as Session
}

t.test('a login starts a session that the next request brings back, in a cookie that lives as long as it can', async t => {
  const stage = await start(t)
  const login = await stage.get('/login')
  t.match(linesOf(login), [/^__Host-qlik-session=1\.[\w.-]+; Max-Age=604800; Path=\/; HttpOnly; Secure; SameSite=Lax$/])
  const session = written(stage, login)
  t.match(session, { id: /^[\w-]{22}$/, createdAt: startedAt, usedAt: startedAt, tokens })
  t.same((await stage.get('/use', cookieOf(login))).json(), { session, again: session })
  t.not(written(stage, await stage.get('/login')).id, session.id, 'every login has an id of its own')
})

t.test('the session is opened when something asks for it, once, and not for every file', async t => {
  const stage = await start(t)
  const cookie = cookieOf(await stage.get('/login'))
  await stage.get('/file', cookie)
  t.equal(stage.opened(), 0)
  await stage.get('/slow', cookie)
  t.equal(stage.opened(), 1)
})

t.test('an unused session ends after its idle time, and its cookie is left alone', async t => {
  const stage = await start(t)
  const cookie = cookieOf(await stage.get('/login'))
  stage.clock.now = startedAt + limits.idleMs - 1
  t.match((await stage.get('/peek', cookie)).json(), { session: { createdAt: startedAt } })
  stage.clock.now++
  const over = await stage.get('/use', cookie)
  t.same(over.json(), { session: null, again: null })
  t.same(linesOf(over), [])
})

t.test('a session that something held in use is as good as used, whatever its cookie says, and sealed anew at its next use', async t => {
  const stage = await start(t)
  const cookie = cookieOf(await stage.get('/login'))
  stage.heldAt = startedAt + limits.idleMs
  stage.clock.now = stage.heldAt + limits.idleMs - 1
  t.match((await stage.get('/peek', cookie)).json(), { session: { usedAt: stage.heldAt } })
  t.match(written(stage, await stage.get('/use', cookie)), { createdAt: startedAt, usedAt: stage.clock.now, tokens })
  stage.clock.now++
  t.same((await stage.get('/use', cookie)).json(), { session: null, again: null }, 'until its idle time has passed again')
  stage.heldAt = stage.clock.now
  t.equal(linesOf(await stage.get('/use', cookie)).length, 1, 'held just now: the cookie must not fall behind')
  stage.heldAt = stage.clock.now = startedAt + limits.maxMs
  t.same((await stage.get('/use', cookie)).json(), { session: null, again: null }, 'never beyond its absolute lifetime')
})

t.test('an active session ends after its absolute lifetime', async t => {
  const stage = await start(t)
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

t.test('the end of a session is the earlier of the two', async t => {
  const session = { ...startSession(tokens, 1_000), usedAt: 5_000 }
  t.equal(sessionEndsAt(session, { idleMs: 10, maxMs: 100_000 }), 5_010)
  t.equal(sessionEndsAt(session, { idleMs: 100_000, maxMs: 5_000 }), 6_000)
})

t.test('use is written once a tenth of the idle time has passed, at once where that is short, and looking is no use', async t => {
  const cases: [idleMs: number, unwrittenMs: number][] = [[24 * hour, 2.4 * hour], [600_000, 60_000], [599_000, 0]]
  for (const [idleMs, unwrittenMs] of cases) {
    const stage = await start(t, { idleMs })
    const cookie = cookieOf(await stage.get('/login'))
    stage.clock.now = startedAt + unwrittenMs
    t.same(linesOf(await stage.get('/use', cookie)), [], `not after ${unwrittenMs} ms`)
    stage.clock.now++
    t.same(linesOf(await stage.get('/peek', cookie)), [], 'not for looking')
    const answer = await stage.get('/use', cookie)
    t.match(written(stage, answer), { createdAt: startedAt, usedAt: stage.clock.now, tokens })
    t.equal(answer.json<{ again: Session }>().again.usedAt, stage.clock.now, 'the request sees it too')
  }
})

// CVE-2025-48947: an answer with a session in it was cached and handed to the next visitor.
t.test('an answer that sets a cookie is never cached, and keeps the cookies of others', async t => {
  const stage = await start(t)
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
  const before = await start(t, { keys: [old] })
  const cookie = cookieOf(await before.get('/login'))
  const session = written(before, await before.get('/login', cookie))
  const rotated = await start(t, { keys: [young, old] })
  rotated.clock.now += hour
  for (const path of ['/peek', '/use']) {
    const answer = await rotated.get(path, cookie)
    t.match(written(rotated, answer), { createdAt: session.createdAt, usedAt: startedAt, tokens }, 'which is no use in itself')
    t.same(linesOf(await rotated.get(path, cookieOf(answer))), [], 'once')
    const after = await start(t, { keys: [young] })
    t.match((await after.get(path, cookieOf(answer))).json(), { session: { createdAt: startedAt } })
    const removed = await after.get(path, cookie)
    t.same(removed.json(), { session: null, again: null })
    t.same(linesOf(removed), [])
  }
})

t.test('parts that are torn or doubled are no session, and nothing of them is deleted', async t => {
  const stage = await start(t)
  const small = cookieOf(await stage.get('/login'))
  const large = cookieOf(await stage.get('/refresh?size=4000', small)).split('; ')
  t.equal(large.length, 3)
  t.match((await stage.get('/peek', large.join('; '))).json(), { session: { tokens: { generation: 1 } } })
  const cases: [title: string, cookie: string][] = [
    ['a part is missing', large.filter((_, part) => part !== 1).join('; ')],
    ['parts of two generations', [large[0], ...cookieOf(await stage.get('/refresh?size=4000', small)).split('; ').slice(1)].join('; ')],
    ['swapped parts', large.map((part, at) => `${part.split('=')[0]}=${large[[0, 2, 1][at] as number]?.split('=')[1]}`).join('; ')],
    ['the session twice', `${small}; ${small}`],
    ['a planted one beside it', `${small}; __Host-qlik-session=1.planted`],
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

t.test('a session that shrinks drops the parts that it needs no more, even if nobody had asked for it before', async t => {
  const stage = await start(t)
  const large = cookieOf(await stage.get('/refresh?size=4000', cookieOf(await stage.get('/login'))))
  const answer = await stage.get('/login', large)
  t.match(linesOf(answer), [/^__Host-qlik-session=1\./, /^__Host-qlik-session\.1=; Max-Age=0; Path=\/; HttpOnly; Secure; SameSite=Lax$/, /^__Host-qlik-session\.2=; Max-Age=0; /])
})

t.test('a session that fits into no four cookies is an error to who stores it, and the old one stays', async t => {
  const stage = await start(t)
  const answer = await stage.get('/refresh?size=9000', cookieOf(await stage.get('/login')))
  t.same(answer.json(), { caught: 'GW-SESSION-TOO-LARGE' })
  t.same(linesOf(answer), [])
})

t.test('hundreds of cookies are refused before anything is opened', async t => {
  const stage = await start(t)
  const cookie = cookieOf(await stage.get('/login'))
  const answer = await stage.get('/use', `${Array.from({ length: 300 }, (_, each) => `c${each}=x`).join('; ')}; ${cookie}`)
  t.equal(answer.statusCode, 431)
  t.equal(stage.opened(), 0)
  t.same(linesOf(answer), [])
})

t.test('a dropped session is cleared in every part that it can have, with the attributes that it was set with', async t => {
  const stage = await start(t)
  const cookie = cookieOf(await stage.get('/login'))
  for (const sent of [cookie, undefined]) {
    const answer = await stage.get('/logout', sent)
    t.same(answer.json(), { session: null, again: null })
    t.same(linesOf(answer), ['', '.1', '.2', '.3'].map(part => `__Host-qlik-session${part}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax`))
  }
  const again = await stage.get('/logout-and-login', cookie)
  t.match(again.json(), { session: { createdAt: startedAt } })
  t.equal(linesOf(again).length, 1)
})

// CVE-2024-31999: a cookie that was replayed after the logout still opened its session.
t.test('the cookie of a session that has ended is refused, and nothing is written for it', async t => {
  const stage = await start(t)
  const login = await stage.get('/login')
  stage.ended.end(written(stage, login).id)
  stage.clock.now += 12 * hour
  for (const path of ['/peek', '/use']) {
    const answer = await stage.get(path, cookieOf(login))
    t.same(answer.json(), { session: null, again: null })
    t.same(linesOf(answer), [])
  }
  t.match((await stage.get('/peek', cookieOf(await stage.get('/login')))).json(), { session: { createdAt: stage.clock.now } }, 'another login is another session')
})

// auth0/nextjs-auth0#907: an answer that was slower than the logout set the session's cookie once more.
t.test('a slow answer that was under way at the logout does not bring the session back', async t => {
  const stage = await start(t)
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

t.test('an answer that took long writes the newest tokens, not those that it began with', async t => {
  const stage = await start(t)
  const cookie = cookieOf(await stage.get('/login'))
  stage.clock.now += 12 * hour
  const newer = { ...tokens, accessToken: 'newer', generation: 7 }
  stage.meanwhile = () => { stage.followed = newer }
  t.match(written(stage, await stage.get('/slow', cookie)), { usedAt: stage.clock.now, tokens: newer })
})

t.test('before a session is stored replicas are asked what followed from its tokens, and not for other answers', async t => {
  const stage = await start(t)
  const cookie = cookieOf(await stage.get('/login'))
  t.equal(stage.asked, 1)
  await stage.get('/use', cookie)
  await stage.get('/logout', cookie)
  t.equal(stage.asked, 1)
  stage.clock.now += 12 * hour
  stage.elsewhere = { ...tokens, accessToken: 'of another replica', generation: 3 }
  t.match(written(stage, await stage.get('/use', cookie)), { usedAt: stage.clock.now, tokens: stage.elsewhere })
  t.equal(stage.asked, 2)
})

t.test('newer tokens that fit into no cookies leave the answer as it is', async t => {
  const stage = await start(t)
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
  signals.on('cookieSet', (...cookie) => { told.push(cookie) })
  const stage = await start(t, { signals })
  const small = cookieOf(await stage.get('/login'))
  const large = cookieOf(await stage.get('/refresh?size=4000', small))
  await stage.get('/login', large)
  await stage.get('/logout', large)
  const bytes = (cookie: string) => cookie.split('; ').reduce((sum, pair) => sum + pair.length - 1, 0)
  t.same(told, [['session', bytes(small)], ['session', bytes(large)], ['session', bytes(small)]])
})

t.test('a request that was answered before it came to the session has none to write', async t => {
  const stage = await start(t)
  const answer = await stage.get('/refused', cookieOf(await stage.get('/login')))
  t.match(answer, { statusCode: 400, body: 'refused' })
  t.same(linesOf(answer), [])
})
