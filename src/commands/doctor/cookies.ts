import { createCookieJar } from '../../session/cookies.js'
import { createSeal } from '../../session/seal.js'
import { startSession, type Session } from '../../session/record.js'
import { cookieNameOf } from '../../settings/gateway-schema.js'
import { scopeOf } from '../../tenants/create-tenant.js'
import { ok, type Finding } from './finding.js'
import type { DoctorContext } from './context.js'

/** Seals a session like the gateway. Returns it with the Cookie header of a browser that has it. */
export async function sealSession (
  { gateway, now }: DoctorContext, accessToken: string, refreshToken: string
): Promise<{ session: Session, cookie: string }> {
  const { sessionKeys, publicUrl, cookieMode } = gateway
  const session = startSession({ accessToken, refreshToken, grantedAt: now(), endsAt: now() + 3_600_000, generation: 0 }, now())
  const jar = createCookieJar({
    secure: publicUrl.protocol === 'https:',
    crossSite: cookieMode === 'cross-site',
    name: cookieNameOf(gateway)
  })
  const sealed = createSeal(sessionKeys, scopeOf(gateway)).seal('session', session)
  return { session, cookie: jar.write('session', sealed, 60).map(line => line.split(';', 1)[0]).join('; ') }
}

/**
 * The size of the Cookie header in bytes, with an access token of the usual size and a refresh token of generous
 * length. The size of a real tenant's refresh tokens is not known.
 */
export async function expectCookieBytes (context: DoctorContext): Promise<number> {
  return (await sealSession(context, 'a'.repeat(750), 'r'.repeat(700))).cookie.length
}

/** Four cookies of 4,096 bytes. The gateway refuses a session that needs more. */
export const mostCookieBytes = 16_384

// Default limits for one header line. Node's limit is for all headers together.
const limits: [server: string, bytes: number, setting: string][] = [
  ['nginx', 8_192, 'large_client_header_buffers'],
  ['Apache', 8_190, 'LimitRequestFieldSize'],
  ['HAProxy', 15_360, 'tune.bufsize'],
  ['AWS ALB', 16_384, 'fixed'],
  ['Node', 16_384, '--max-http-header-size'],
  ['Envoy', 61_440, 'max_request_headers_kb']
]

/** Compares the size of a session in each request with the default limits of common servers. */
export async function examineCookies (context: DoctorContext): Promise<Finding> {
  const { publicUrl: { hostname }, cookieName } = context.gateway
  const bytes = await expectCookieBytes(context)
  const tooLow = limits.filter(([, most]) => most < mostCookieBytes + 1_024)
  const narrow = tooLow.map(([server, most, setting]) => `${server} ${most} (${setting})`)
  return ok(`A session takes about ${bytes} bytes of each request, and ${mostCookieBytes} at most where tokens are large. As they ` +
    `come, these allow less than the most: ${narrow.join(', ')}. ` +
    `Another gateway on ${hostname}, at another port or path, needs a COOKIE_NAME that is not "${cookieName}".`)
}
