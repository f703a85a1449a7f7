import { randomBytes } from 'node:crypto'
import { createCookieJar, type CookieSettings } from '../../src/session/cookies.js'
import { createSeal } from '../../src/session/seal.js'
import { scopeOf } from '../../src/tenants/create-tenant.js'
import { startSession, type Session, type TokenSet } from '../../src/session/record.js'

/** The key that the gateways of the tests seal with. */
export const sessionKey = randomBytes(32).toString('base64')

/** A session that began just now, with tokens that are good for an hour. */
export function freshSession (now = Date.now()): Session<TokenSet> {
  return startSession(
    { accessToken: 'an-access-token', refreshToken: 'a-refresh-token', grantedAt: now, endsAt: now + 3_600_000, generation: 0 },
    now
  )
}

/** The tenant that a session belongs to: its origin, and the id of its OAuth client. */
export interface SessionTenant { origin: string, client: { id: string }, credentials?: 'impersonation' }

/** The tenant as a gateway of the tests names it when the test has nothing but its origin. */
export const tenantAt = (origin: string) => ({ origin, client: { id: 'id', secret: 'secret' } })

const keyScope = ({ origin, client, credentials }: SessionTenant) =>
  scopeOf({ tenantUrl: new URL(origin), clientId: client.id, ...(credentials === undefined ? {} : { credentials }) })

/** The seal of a gateway of the tests before this tenant. */
export const sealFor = async (tenant: SessionTenant) => createSeal([Buffer.from(sessionKey, 'base64')], keyScope(tenant))

/** The Cookie header of a browser that has this session, as a gateway of the tests before this tenant would have sealed it. */
export async function cookieOf (
  session: Session,
  tenant: SessionTenant,
  settings: CookieSettings = { secure: false, crossSite: false }
): Promise<string> {
  const seal = await sealFor(tenant)
  const lines = createCookieJar(settings).write('session', seal.seal('session', session), 3_600)
  return lines.map(line => line.split(';', 1)[0]).join('; ')
}

/** The session in a Cookie header that a gateway of the tests before this tenant has set. */
export async function openSession (header: string, tenant: SessionTenant): Promise<Session<TokenSet>> {
  const [value] = createCookieJar({ secure: false, crossSite: false }).read('session', header).values
  const opened = (await sealFor(tenant)).open('session', value ?? '')
  if (opened === undefined) throw new Error('There is no session in these cookies.')
  return opened.value as Session<TokenSet>
}
