import { randomBytes } from 'node:crypto'
import { createCookieJar, type CookieSettings } from '../../src/session/cookies.js'
import { createSeal } from '../../src/session/seal.js'
import { startSession, type Session } from '../../src/session/session.js'

/** The key that the gateways of the tests seal with. */
export const sessionKey = randomBytes(32).toString('base64')

/** A session that began just now, with tokens that are good for an hour. */
export function freshSession (now = Date.now()): Session {
  return startSession({ accessToken: 'an-access-token', refreshToken: 'a-refresh-token', grantedAt: now, endsAt: now + 3_600_000, generation: 0 }, now)
}

/** The Cookie header of a browser that has this session, as a gateway of the tests would have sealed it. */
export async function cookieOf (session: Session, settings: CookieSettings = { secure: false, crossSite: false }, key = sessionKey): Promise<string> {
  const seal = await createSeal([Buffer.from(key, 'base64')])
  const lines = (await createCookieJar(settings)).write('session', seal.seal('session', session), 3_600, { value: undefined, parts: 0 })
  return lines.map(line => line.split(';', 1)[0]).join('; ')
}

/** The session in a Cookie header that a gateway of the tests has set. */
export async function openSession (header: string): Promise<Session> {
  const { value } = (await createCookieJar({ secure: false, crossSite: false })).read('session', header)
  const opened = (await createSeal([Buffer.from(sessionKey, 'base64')])).open('session', value ?? '')
  if (opened === undefined) throw new Error('There is no session in these cookies.')
  return opened.value as Session
}
