import { isCsrfToken } from '../../session/csrf.js'
import { createDial } from '../../tenants/dial.js'
import { connectUpstream } from '../../tenants/handshake.js'
import { createKeys } from '../../session/keys.js'
import { scopeOf } from '../../tenants/create-tenant.js'
import { abortAfter } from '../../time-limit.js'
import { parseUrl } from '../../url.js'
import { readError } from './ask.js'
import { expectCookieBytes, mostCookieBytes, sealSession } from './cookies.js'
import { codeOf, describeFailure } from './failure.js'
import { ok, problem, skipped, warning, type Finding } from './finding.js'
import type { DoctorContext } from './context.js'

const json = { accept: 'application/json' }

/**
 * Checks that this gateway answers at the public URL. This needs no route of its own: only a process with the same
 * session keys can return the CSRF token of a session that was sealed here.
 */
export async function examinePublicUrl (context: DoctorContext): Promise<Finding> {
  const { home, ask, gateway: { sessionKeys, publicUrl, identityJwtHeader } } = context
  if (identityJwtHeader !== undefined) {
    return skipped('Nobody has a session of their own where an ingress says who the user is: look at the page itself.')
  }
  const { session, cookie } = await sealSession(context, 'none', 'none')
  const answer = await ask(new URL(`${home}api/v1/csrf-token`), { headers: { ...json, cookie } })
  const { csrfKeys } = createKeys(sessionKeys, scopeOf(context.gateway))
  if (isCsrfToken(answer.headers.get('qlik-csrf-token') ?? '', session.id, csrfKeys())) {
    return ok(`${publicUrl.href} leads to a gateway with these session keys.`)
  }
  const { code } = readError(answer)
  if (answer.status === 401 && code === 'GW-NO-SESSION') {
    return problem(`${publicUrl.href} leads to a gateway that has other session keys or another COOKIE_NAME, as another gateway of ` +
      'this host, or the cookie was lost on the way.',
    'Give all replicas and this command the same SESSION_KEYS, COOKIE_NAME and PUBLIC_URL, and let proxies pass the Cookie header on.')
  }
  return problem(
    `${publicUrl.href} leads to something else than this gateway (${answer.status}, ${code}).`,
    `Route ${publicUrl.href} and everything below it, /api, /app, /login and /gateway at least, to the gateway with its path unchanged.`
  )
}

/**
 * Checks that a login at the public URL uses these settings, whatever a client claims about the host, and that its
 * cookie reaches the browser.
 */
export async function examinePublicLogin (
  { home, redirectUri, ask, gateway: { tenantUrl, clientId, scopes, credentials } }: DoctorContext
): Promise<Finding> {
  if (credentials === 'impersonation') return skipped('With impersonation no login leads to the tenant.')
  const answer = await ask(new URL(`${home}login`), { headers: { 'x-forwarded-host': 'doctor.invalid', 'x-forwarded-proto': 'http' } })
  const location = parseUrl(answer.headers.get('location') ?? '')
  if (answer.status !== 302 || location === undefined) {
    return problem(
      `${home}login does not begin a login (${answer.status}).`,
      'Route /login to the gateway, and let no proxy follow or answer its redirects.'
    )
  }
  const { origin, searchParams } = location
  const expected: [what: string, seen: string | null, wanted: string][] = [
    ['QLIK_TENANT_URL', origin, tenantUrl.origin],
    ['QLIK_CLIENT_ID', searchParams.get('client_id'), clientId],
    ['PUBLIC_URL', searchParams.get('redirect_uri'), redirectUri],
    ['QLIK_SCOPES', searchParams.get('scope'), scopes.join(' ')]
  ]
  const other = expected.filter(([, seen, wanted]) => seen !== wanted).map(([what]) => what)
  if (other.length > 0) {
    return problem(
      `The gateway that runs has another ${other.join(', ')} than these settings.`,
      'Start it anew with these settings, or examine with the settings that it has.'
    )
  }
  if (!answer.headers.getSetCookie().some(line => /^[\w-]+-login-[\da-f]{12}=.*HttpOnly/i.test(line))) {
    return problem(
      'The cookie that the gateway sets when a login begins does not come through.', 'Let proxies pass Set-Cookie on as it is.'
    )
  }
  return ok('A login begins with these settings, its cookie comes through, and X-Forwarded-Host of a client changes nothing.')
}

/**
 * Checks that upgrades reach the gateway. It refuses an upgrade because there is no session, but a request that lost
 * its upgrade headers because there is no upgrade.
 */
export async function examinePublicUpgrade ({ home, gateway, timeoutMs }: DoctorContext): Promise<Finding> {
  const { publicUrl } = gateway
  const { pathname: path } = new URL(`${home}app/doctor`)
  const remedy = 'Let proxies speak HTTP/1.1 to the gateway and pass Upgrade and Connection on (nginx: proxy_http_version 1.1; ' +
    'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";).'
  const headers = {
    ...json,
    host: publicUrl.host,
    origin: publicUrl.origin,
    'sec-websocket-version': '13',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA=='
  }
  try {
    const dial = createDial(publicUrl, gateway)
    const { answer } = await connectUpstream({ dial }, { path, headers, signal: abortAfter(timeoutMs) })
    const chunks: Buffer[] = []
    for await (const chunk of answer) chunks.push(chunk as Buffer)
    const { code } = readError({ text: Buffer.concat(chunks).toString() })
    if (code === 'GW-NO-SESSION') return ok('WebSockets reach the gateway.')
    return problem(`WebSockets do not reach the gateway as such (${answer.statusCode}, ${code}).`, remedy)
  } catch (error) {
    return problem(`WebSockets do not reach the gateway (${codeOf(error)}).`, remedy)
  }
}

/** Checks that parts of an answer arrive while it is still being written. */
export async function examinePublicStream (context: DoctorContext): Promise<Finding> {
  const { home, fetch, timeoutMs } = context
  const { cookie } = await sealSession(context, 'none', 'none')
  const leaving = abortAfter(timeoutMs)
  try {
    const response = await fetch(`${home}gateway/events`, { headers: { accept: 'text/event-stream', cookie }, signal: leaving })
    const { value } = await (response.body as ReadableStream<Uint8Array>).getReader().read()
    if (value !== undefined && response.headers.get('content-type') === 'text/event-stream') {
      return ok('Streamed answers come as they are written.')
    }
    return warning(`Server-sent events do not come through (${response.status}).`, 'Route /gateway/events to the gateway.')
  } catch (error) {
    if (!leaving.aborted) return describeFailure(new URL(home).host, error)
    return warning(
      `Of a streamed answer nothing came within ${timeoutMs / 1000} seconds: something on the way waits until it is complete.`,
      'Turn buffering of answers off (nginx: proxy_buffering off), or users wait for Qlik Answers and downloads, and pages never hear ' +
        'that a session ended.'
    )
  }
}

const tooLarge = 'Raise the limit of the proxy in front of the gateway (nginx: large_client_header_buffers 4 32k; Apache: ' +
  'LimitRequestFieldSize 32768; HAProxy: tune.bufsize 32768).'

/** Checks that a Cookie header of the expected size, and one of the largest size, reaches the gateway. */
export async function examinePublicHeaders (context: DoctorContext): Promise<Finding> {
  const { home, ask } = context
  async function passes (bytes: number): Promise<boolean> {
    try {
      const { status } = await ask(new URL(`${home}gateway/session`), { headers: { ...json, cookie: `doctor=${'x'.repeat(bytes - 7)}` } })
      return status === 200
    } catch {
      return false
    }
  }
  const expected = await expectCookieBytes(context)
  if (!await passes(expected)) {
    return problem(`A request with ${expected} bytes of cookies, as a usual session has, does not come through.`, tooLarge)
  }
  if (!await passes(mostCookieBytes)) {
    return warning(
      `A request with ${mostCookieBytes} bytes of cookies, the most that a session can have, does not come through.`,
      `${tooLarge} Users with large tokens are signed out again and again otherwise.`
    )
  }
  return ok(`Requests with ${mostCookieBytes} bytes of cookies come through, the most that a session can have.`)
}
