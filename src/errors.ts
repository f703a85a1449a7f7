import { randomFillSync } from 'node:crypto'
import { STATUS_CODES } from 'node:http'

/**
 * Every error the gateway raises, by its stable code. `detail` says why and what to do; it never holds
 * anything a client or the tenant sent.
 */
export const errorTable = {
  'GW-BAD-TARGET': { status: 400, title: 'The address is not acceptable', detail: 'The path holds a dot segment, an empty segment, a backslash, a fragment or malformed percent-encoding. Send the canonical path.' },
  'GW-BAD-REQUEST': { status: 400, title: 'The request is not acceptable', detail: 'The request could not be read as HTTP. Check its headers and its body.' },
  'GW-REQUEST-TIMEOUT': { status: 408, title: 'The request took too long', detail: 'Its headers did not arrive in time, or nothing of its body did for longer than BODY_TIMEOUT_SECONDS. Send them at once.' },
  'GW-BODY-ON-GET': { status: 400, title: 'GET and HEAD carry no body', detail: 'A body on GET or HEAD has no meaning (RFC 9110, section 9.3.1) and is not forwarded. Leave it out or use another method.' },
  'GW-BAD-UPGRADE': { status: 400, title: 'The upgrade is not acceptable', detail: 'Only WebSocket upgrades (RFC 6455) to /app/… are served here.' },
  'GW-UPGRADE-REQUIRED': { status: 426, title: 'A WebSocket upgrade is required', detail: 'The engine is reached by WebSocket only. Open /app/… with an upgrade.' },
  'GW-LOGIN-COOKIE': { status: 400, title: 'The sign-in came back without its cookie', detail: 'The browser did not keep the cookie that was set when the sign-in began, or its address was opened from a bookmark. Allow cookies of this site, by settings and extensions, and begin again at the page that you came from.' },
  'GW-LOGIN-COOKIE-FRAME': { status: 400, title: 'The sign-in cannot end in a frame', detail: 'Browsers keep the cookie of a sign-in from frames. Sign in in a window of its own: pages of other sites do so by /gateway/embed.js.' },
  'GW-LOGIN-COOKIE-HOST': { status: 400, title: 'The sign-in came back to another host name', detail: 'It began under one host name of the gateway and came back to another, which does not get its cookie. Open the gateway by PUBLIC_URL only, and have proxies redirect other names to it.' },
  'GW-LOGIN-COOKIE-HTTP': { status: 400, title: 'The sign-in began over http', detail: 'The browser opened the gateway over http, where it keeps no Secure cookie, and PUBLIC_URL is https. Redirect http to https before the gateway, and link to the https address.' },
  'GW-LOGIN-COOKIE-KEY': { status: 400, title: 'The cookie of this sign-in cannot be opened', detail: 'It was set under a session key that this gateway does not have. Give all replicas the same SESSION_KEYS; without any, a gateway makes a new key at each start.' },
  'GW-LOGIN-LATE': { status: 400, title: 'The sign-in took too long', detail: 'More than ten minutes have passed since it began, or the clocks of the gateways differ. Begin again at the page that you came from; if it happens at once, set the clocks.' },
  'GW-LOGIN-STATE': { status: 400, title: 'This sign-in is not under way', detail: 'Its state is unknown or was already used. Go back to the page and sign in again.' },
  'GW-LOGIN-PARAMETERS': { status: 400, title: 'The sign-in came back incomplete', detail: 'The tenant must answer with exactly one code and one state. Sign in again; if it happens again, show the reference below to the administrator.' },
  'GW-LOGIN-ISSUER': { status: 400, title: 'The sign-in came from another issuer', detail: 'The iss parameter does not name the configured tenant. If the tenant is right, set QLIK_ISSUER to the issuer of its metadata.' },
  'GW-LOGIN-DENIED': { status: 403, title: 'Access was denied', detail: 'The tenant reports that consent or access was denied. Sign in with another account or ask the tenant administrator for access.' },
  'GW-LOGIN-REFUSED': { status: 400, title: 'The tenant refused the sign-in', detail: 'The tenant ended the sign-in with an error. The reference below leads to its code in the log.' },
  'GW-LOGIN-EXCHANGE': { status: 502, title: 'The tenant refused the authorization code', detail: 'The token endpoint did not accept the code. Check that the redirect URI of the client equals PUBLIC_URL followed by /login/callback.' },
  'GW-SESSION-COOKIE': { status: 400, title: 'The browser does not keep the session', detail: 'The sign-in was successful, twice within a minute, and the browser did not send back the cookie of the session. Allow cookies of this site, by settings and extensions, and sign in again. If it happens in every browser, something before the gateway drops or rewrites cookies: show the reference below to the administrator. Nobody stays signed in by this.' },
  'GW-LOGIN-LOOP': { status: 400, title: 'Signing in leads nowhere', detail: 'The page that you came from asks to sign in again and again within a minute, although a session is here: its calls do not carry the session, the tenant refuses them, or the gateway cannot open its cookie (all replicas need the same SESSION_KEYS). Sign in again; if it comes back, show the reference below to the administrator.' },
  'GW-HANDOVER': { status: 400, title: 'This sign-in cannot be handed over', detail: 'Its code was used before, is older than a minute, or belongs to another page or browser. Sign in again.' },
  'GW-TOO-MANY-TOKENS': { status: 403, title: 'The tenant issues no more tokens for this user', detail: 'The user is disabled, or has reached the number of tokens that the tenant allows. Sign out elsewhere, or ask the tenant administrator to revoke tokens.' },
  'GW-SPECULATION': { status: 503, title: 'Nothing is done ahead of a visit', detail: 'The request is a HEAD or a prefetch, and this address begins or ends something. Open it as a page.' },
  'GW-TOKEN-LIMIT': { status: 503, title: 'The tenant issues no more tokens for this user', detail: 'The user is disabled, or has reached the number of tokens that the tenant allows, so this session cannot go on at the moment. It stays: sign out elsewhere, or ask the tenant administrator to revoke tokens, and try again after the time in Retry-After.' },
  'GW-NO-NAVIGATION': { status: 403, title: 'Only a visit signs out', detail: 'GET /logout works when a person goes there. Scripts sign out by POST /logout; images, frames and the like do not at all.' },
  'GW-SESSION-TOO-LARGE': { status: 502, title: 'The session does not fit into cookies', detail: 'The tokens of the tenant need more than four cookies of 3,900 bytes. Ask for fewer scopes in QLIK_SCOPES.' },
  'GW-STATEMENT': { status: 401, title: 'The statement of the user is not valid', detail: 'A statement who the user is must be signed by a key of the issuer, be for this gateway, end within five minutes and come once, from whom the settings list. The log says what is wrong with this one.' },
  'GW-IDENTITY-KEYS': { status: 503, title: 'The keys of the issuer cannot be read', detail: 'Statements who the user is cannot be verified, because the address in IDENTITY_JWKS_URL gives no keys. Try again after the time in Retry-After.' },
  'GW-USER-REFUSED': { status: 403, title: 'The tenant gives no token for this user', detail: 'It does not know the user, or has disabled them, or they have as many tokens as it allows. Ask the tenant administrator; where PROVISION_USERS is set, unknown users are created.' },
  'GW-PROVISIONING': { status: 503, title: 'The user cannot be set up at the tenant', detail: 'The tenant did not create the user or their groups, or assigned only some of them. The log has its answer. Try again after the time in Retry-After.' },
  'GW-SIGN-IN-ELSEWHERE': { status: 401, title: 'Users do not sign in here', detail: 'The application that shows Qlik says who its users are. Sign in there; SIGN_IN_URL can name its page.' },
  'GW-NO-SESSION': { status: 401, title: 'Not signed in', detail: 'There is no session, or it has ended. Sign in at /login and repeat the request.' },
  'GW-FOREIGN-ORIGIN': { status: 403, title: 'The page may not do this', detail: 'The request changes something or opens a socket, and nothing proves that a page of PUBLIC_URL or EMBED_ORIGINS sent it. Add the origin of the page to EMBED_ORIGINS, or send the header qlik-csrf-token.' },
  'GW-CSRF-TOKEN': { status: 403, title: 'The CSRF token is not valid', detail: 'Fetch a new one from /api/v1/csrf-token and repeat the request with it in the header qlik-csrf-token.' },
  'GW-POLICY-APP': { status: 403, title: 'The app is not served here', detail: 'ALLOWED_APPS does not list it. Whoever runs the gateway can add its id; apps of a session, and connections to no app, are never served while the list is set.' },
  'GW-POLICY-API': { status: 403, title: 'The call is not served here', detail: 'ALLOWED_API has no entry for this method and path. Whoever runs the gateway can add one.' },
  'GW-POLICY-USER': { status: 403, title: 'You may not sign in here', detail: 'The tenant knows you, but neither ALLOWED_USERS nor ALLOWED_GROUPS lists you or a group of yours. Ask whoever runs the gateway, or sign in as somebody else.' },
  'GW-POLICY-PROFILE': { status: 503, title: 'The tenant does not say who you are', detail: 'Only listed users and groups may sign in, and the tenant did not answer GET /api/v1/users/me. Try again after the time in Retry-After.' },
  'GW-POLICY-ENGINE': { status: 403, title: 'The engine is not asked for this', detail: 'ENGINE_MODE=view lets pages read and select; ALLOWED_APPS keeps a socket to its app. What else a page asks of the engine is answered by an error of JSON-RPC with this code as its parameter.' },
  'GW-POLICY-READ-ONLY': { status: 403, title: 'The gateway is read only', detail: 'READ_ONLY is set: GET, HEAD and OPTIONS are served, and nothing that changes something.' },
  'GW-UNKNOWN-HOST': { status: 421, title: 'No tenant is served under this host', detail: 'The gateway serves several tenants and finds each by the host and path of its publicUrl. Check the address; a proxy before the gateway must pass the Host header of the browser on.' },
  'GW-NOT-FOUND': { status: 404, title: 'Nothing is here', detail: 'The gateway serves and forwards other paths only; FORWARD_PUBLIC and FORWARD_PRIVATE list what it forwards.' },
  'GW-METHOD': { status: 405, title: 'The method is not allowed here', detail: 'The path answers other methods. The header Allow names them.' },
  'GW-TOO-MANY-COOKIES': { status: 431, title: 'Too many cookies', detail: 'The request carries more cookies than MAX_COOKIES or more bytes of headers than MAX_HEADER_BYTES. Clear the cookies of this site.' },
  'GW-URL-TOO-LONG': { status: 414, title: 'The address is too long', detail: 'The address of the request is longer than MAX_HEADER_BYTES allow. Send what it holds in a body, or raise the limit.' },
  'GW-TOO-MANY-HEADERS': { status: 431, title: 'Too many headers', detail: 'The request carries more headers than MAX_HEADERS. Send fewer.' },
  'GW-TOO-MANY-LOGINS': { status: 429, title: 'Too many sign-ins', detail: 'More sign-ins came from this address within a minute than MAX_LOGINS_PER_MINUTE. Try again after the time in Retry-After. If many people share the address of a proxy, list it in TRUSTED_PROXIES.' },
  'GW-TOO-MANY-REQUESTS': { status: 429, title: 'Too many requests at once', detail: 'This session has as many requests under way as MAX_REQUESTS_PER_SESSION. Wait for some of their answers.' },
  'GW-TOO-MANY-SOCKETS': { status: 429, title: 'Too many sockets', detail: 'This session has as many WebSockets open as MAX_SOCKETS_PER_SESSION. Close some.' },
  'GW-TOO-MANY-STREAMS': { status: 429, title: 'Too many event streams', detail: 'This session listens to /gateway/events 20 times already. Close some of the streams, or listen once and tell the others.' },
  'GW-DRAINING': { status: 503, title: 'The gateway is restarting', detail: 'It opens no more sockets. Try again after the time in Retry-After; Qlik\'s clients do so by themselves.' },
  'GW-BUSY': { status: 503, title: 'The gateway is busy', detail: 'As much is under way as MAX_SOCKETS, or MAX_UPSTREAM_CONNECTIONS and MAX_UPSTREAM_QUEUE, allow. Try again after the time in Retry-After.' },
  'GW-TENANT-UNREACHABLE': { status: 502, title: 'The tenant cannot be reached', detail: 'The connection to the tenant failed or broke. Try again; if it lasts, check QLIK_TENANT_URL, DNS, the network and the certificate.' },
  'GW-TENANT-ANSWER': { status: 502, title: 'The answer of the tenant cannot be read', detail: 'The tenant sent a body that is not of the encoding that it names. Try again; if it lasts, something between the gateway and the tenant changes what it sends.' },
  'GW-LOOP': { status: 508, title: 'The request has come round', detail: 'The gateway forwarded it and got it back: QLIK_TENANT_URL leads to the gateway itself. Set it to the tenant, by its original hostname.' },
  'GW-TENANT-TIMEOUT': { status: 504, title: 'The tenant did not answer in time', detail: 'The tenant accepted the request and sent no answer. Try again later.' },
  'GW-TENANT-BUSY': { status: 503, title: 'The tenant gives no token at the moment', detail: 'The token endpoint is limited, slow or down. The session stays; try again after the time in Retry-After.' },
  'GW-CLIENT-REFUSED': { status: 503, title: 'The tenant does not accept this gateway', detail: 'The token endpoint refuses the OAuth client: its id, its secret or its key is wrong, or was changed at the tenant. Sessions stay. The administrator corrects QLIK_CLIENT_ID, and the secret or key; then try again.' },
  'GW-INTERNAL': { status: 500, title: 'The gateway failed', detail: 'This is a fault of the gateway. The reference leads to it in the log.' }
} as const satisfies Record<string, { status: number, title: string, detail: string }>

export type ErrorCode = keyof typeof errorTable

interface ErrorExtras {
  cause?: unknown
  /** Seconds for the Retry-After header, whole. */
  retryAfterSeconds?: number
}

/** An error with its place in the table; what answers it is decided in operate/answer. */
export class GatewayError extends Error {
  override name = 'GatewayError'
  readonly code: ErrorCode
  readonly statusCode: number
  readonly retryAfterSeconds: number | undefined
  /** Where a sign-in is to lead that a person begins at the page of this error. */
  beginAgainAt: string | undefined

  constructor (code: ErrorCode, extras: ErrorExtras = {}) {
    super(errorTable[code].title, extras.cause === undefined ? undefined : { cause: extras.cause })
    this.code = code
    this.statusCode = errorTable[code].status
    this.retryAfterSeconds = extras.retryAfterSeconds
  }
}

export interface ErrorBody {
  /** What Qlik's own client looks for at the top level to fetch a new CSRF token and try once more. */
  code?: 'CSRF-TOKEN-2'
  errors: [{ code: ErrorCode, title: string, detail: string, status: string }]
  traceId: string
}

/** A whole answer of HTTP/1.1 that ends its connection, for what never became a request. */
export function renderErrorAnswer (code: ErrorCode): string {
  const { status } = errorTable[code]
  const body = JSON.stringify(describeError(code, createTraceId()))
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

const traceIdBytes = 16
// For many at once: each call of the generator costs more than the id.
const randomBytes = Buffer.alloc(256 * traceIdBytes)
let usedBytes = randomBytes.length

/** A new reference for one request and its log lines, in the form of W3C trace ids. */
export function createTraceId (): string {
  if (usedBytes === randomBytes.length) {
    randomFillSync(randomBytes)
    usedBytes = 0
  }
  usedBytes += traceIdBytes
  return randomBytes.toString('hex', usedBytes - traceIdBytes, usedBytes)
}

/** The body of an error in the shape of Qlik's own APIs. */
export function describeError (code: ErrorCode, traceId: string): ErrorBody {
  const { status, title, detail } = errorTable[code]
  return {
    ...(code === 'GW-CSRF-TOKEN' ? { code: 'CSRF-TOKEN-2' as const } : {}),
    errors: [{ code, title, detail, status: String(status) }],
    traceId
  }
}
