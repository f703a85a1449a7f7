import { createHash } from 'node:crypto'
import t from 'tap'
import { createHandovers } from '../../src/login/handover.js'
import { createLogins, type Login } from '../../src/login/logins.js'
import { createReturns } from '../../src/login/returns.js'
import { createCookieJar } from '../../src/session/cookies.js'
import { startSession } from '../../src/session/record.js'
import { createSeal } from '../../src/session/seal.js'

const seal = createSeal([Buffer.alloc(32, 1)], 'a tenant')
const jar = createCookieJar({ secure: true, crossSite: false })
const now = () => 1_000
const login: Login = { state: 'state', codeVerifier: 'verifier', returnTo: '/', startedAt: 0, attempts: 0 }
const session = startSession({ accessToken: 'a', grantedAt: 0, endsAt: 1, generation: 0 }, 0)

const cookieOf = (lines: string[]) => lines.map(line => line.split(';', 1)[0]).join('; ')

t.test('a login that another version of the gateway began is none, and it arrived', async t => {
  const logins = createLogins({ seal, jar, now })
  t.match(logins.find('state', cookieOf(logins.write(login, undefined))), { login, arrived: true })
  for (const other of [{ ...login, attempts: undefined }, { ...login, returnTo: { path: '/' } }, { v: 2, state: 'state', login }]) {
    const found = logins.find('state', cookieOf(logins.write(other as unknown as Login, undefined)))
    t.equal(found.login, undefined, JSON.stringify(other))
  }
})

t.test('a count of returns of another format begins anew', async t => {
  const returns = createReturns({ seal, jar, now })
  const other = cookieOf(jar.write('login-done', seal.seal('login', { v: 2, from: 0 }), 60))
  t.same(returns.read(other), { since: 1_000, straight: 0, logins: 0 })
})

t.test('a code that holds a session of another format, or is of another format itself, is refused', async t => {
  const handovers = createHandovers({
    sessions: { seal, now, ended: { has: () => false } },
    once: () => async () => true
  } as unknown as Parameters<typeof createHandovers>[0])
  const verifier = 'a verifier'
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const origin = 'https://portal.example'
  t.same(await handovers.take(handovers.issue(session, challenge, origin), verifier, origin), session)
  const whole = { session, challenge, origin, endsAt: 60_000 }
  for (const [title, other] of Object.entries({
    'a session of the next version': { ...whole, session: { ...session, v: 2 } },
    'no challenge': { ...whole, challenge: 'x' },
    'no origin': { ...whole, origin: undefined },
    'no end': { ...whole, endsAt: undefined }
  })) {
    await t.rejects(handovers.take(`${challenge}.${seal.seal('handover', other)}`, verifier, origin), { code: 'GW-HANDOVER' }, title)
  }
})
