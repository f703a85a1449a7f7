import type { ErrorEntry } from './error-entry.js'

/** Sign-ins that fail, and requests without a user. */
export const signInErrors = {
  'GW-LOGIN-COOKIE': {
    status: 400,
    title: 'The sign-in came back without its cookie',
    detail: 'The browser did not keep the cookie that was set when the sign-in began, or its address was opened from a ' +
      'bookmark. Allow cookies of this site, by settings and extensions, and begin again at the page that you came from.'
  },
  'GW-LOGIN-COOKIE-FRAME': {
    status: 400,
    title: 'The sign-in cannot end in a frame',
    detail: 'Browsers keep the cookie of a sign-in from frames. Sign in in a window of its own: ' +
      'pages of other sites do so by /gateway/embed.js.'
  },
  'GW-LOGIN-COOKIE-HOST': {
    status: 400,
    title: 'The sign-in came back to another host name',
    detail: 'It began under one host name of the gateway and came back to another, which does not get its cookie. ' +
      'Open the gateway by PUBLIC_URL only, and have proxies redirect other names to it.'
  },
  'GW-LOGIN-COOKIE-HTTP': {
    status: 400,
    title: 'The sign-in began over http',
    detail: 'The browser opened the gateway over http, where it keeps no Secure cookie, and PUBLIC_URL is https. ' +
      'Redirect http to https before the gateway, and link to the https address.'
  },
  'GW-LOGIN-COOKIE-KEY': {
    status: 400,
    title: 'The cookie of this sign-in cannot be opened',
    detail: 'It was set under a session key that this gateway does not have. Give all replicas the same SESSION_KEYS; ' +
      'without any, a gateway makes a new key at each start.'
  },
  'GW-LOGIN-LATE': {
    status: 400,
    title: 'The sign-in took too long',
    detail: 'More than ten minutes have passed since it began, or the clocks of the gateways differ. ' +
      'Begin again at the page that you came from; if it happens at once, set the clocks.'
  },
  'GW-LOGIN-STATE': {
    status: 400,
    title: 'This sign-in is not under way',
    detail: 'Its state is unknown or was already used. Go back to the page and sign in again.'
  },
  'GW-LOGIN-PARAMETERS': {
    status: 400,
    title: 'The sign-in came back incomplete',
    detail: 'The tenant must answer with exactly one code and one state. Sign in again; ' +
      'if it happens again, show the reference below to the administrator.'
  },
  'GW-LOGIN-ISSUER': {
    status: 400,
    title: 'The sign-in came from another issuer',
    detail: 'The iss parameter does not name the configured tenant. If the tenant is right, set QLIK_ISSUER to the issuer ' +
      'of its metadata.'
  },
  'GW-LOGIN-DENIED': {
    status: 403,
    title: 'Access was denied',
    detail: 'The tenant reports that consent or access was denied. Sign in with another account or ask the tenant ' +
      'administrator for access.'
  },
  'GW-LOGIN-REFUSED': {
    status: 400,
    title: 'The tenant refused the sign-in',
    detail: 'The tenant ended the sign-in with an error. The reference below leads to its code in the log.'
  },
  'GW-LOGIN-EXCHANGE': {
    status: 502,
    title: 'The tenant refused the authorization code',
    detail: 'The token endpoint did not accept the code. Check that the redirect URI of the client equals PUBLIC_URL ' +
      'followed by /login/callback.'
  },
  'GW-SESSION-COOKIE': {
    status: 400,
    title: 'The browser does not keep the session',
    detail: 'The sign-in was successful, twice within a minute, and the browser did not send back the cookie of the ' +
      'session. Allow cookies of this site, by settings and extensions, and sign in again. ' +
      'If it happens in every browser, something before the gateway drops or rewrites cookies: ' +
      'show the reference below to the administrator. Nobody stays signed in by this.'
  },
  'GW-LOGIN-LOOP': {
    status: 400,
    title: 'Signing in leads nowhere',
    detail: 'The page that you came from asks to sign in again and again within a minute, although a session is here: ' +
      'its calls do not carry the session, the tenant refuses them, or the gateway cannot open its cookie (all replicas ' +
      'need the same SESSION_KEYS). Sign in again; if it comes back, show the reference below to the administrator.'
  },
  'GW-HANDOVER': {
    status: 400,
    title: 'This sign-in cannot be handed over',
    detail: 'Its code was used before, is older than a minute, or belongs to another page or browser. Sign in again.'
  },
  'GW-TOO-MANY-TOKENS': {
    status: 403,
    title: 'The tenant issues no more tokens for this user',
    detail: 'The user is disabled, or has reached the number of tokens that the tenant allows. ' +
      'Sign out elsewhere, or ask the tenant administrator to revoke tokens.'
  },
  'GW-SPECULATION': {
    status: 503,
    title: 'Nothing is done ahead of a visit',
    detail: 'The request is a HEAD or a prefetch, and this address begins or ends something. Open it as a page.'
  },
  'GW-NO-NAVIGATION': {
    status: 403,
    title: 'Only a visit signs out',
    detail: 'GET /logout works when a person goes there. Scripts sign out by POST /logout; ' +
      'images, frames and the like do not at all.'
  },
  'GW-SESSION-TOO-LARGE': {
    status: 502,
    title: 'The session does not fit into cookies',
    detail: 'The tokens of the tenant need more than four cookies of 3,900 bytes. Ask for fewer scopes in QLIK_SCOPES.'
  },
  'GW-STATEMENT': {
    status: 401,
    title: 'The statement of the user is not valid',
    detail: 'A statement who the user is must be signed by a key of the issuer, be for this gateway, end within five ' +
      'minutes and come once, from whom the settings list. The log says what is wrong with this one.'
  },
  'GW-IDENTITY-KEYS': {
    status: 503,
    title: 'The keys of the issuer cannot be read',
    detail: 'Statements who the user is cannot be verified, because the address in IDENTITY_JWKS_URL gives no keys. ' +
      'Try again after the time in Retry-After.'
  },
  'GW-USER-REFUSED': {
    status: 403,
    title: 'The tenant gives no token for this user',
    detail: 'It does not know the user, or has disabled them, or they have as many tokens as it allows. ' +
      'Ask the tenant administrator; where PROVISION_USERS is set, unknown users are created.'
  },
  'GW-PROVISIONING': {
    status: 503,
    title: 'The user cannot be set up at the tenant',
    detail: 'The tenant did not create the user or their groups, or assigned only some of them. The log has its answer. ' +
      'Try again after the time in Retry-After.'
  },
  'GW-SIGN-IN-ELSEWHERE': {
    status: 401,
    title: 'Users do not sign in here',
    detail: 'The application that shows Qlik says who its users are. Sign in there; SIGN_IN_URL can name its page.'
  },
  'GW-NO-SESSION': {
    status: 401,
    title: 'Not signed in',
    detail: 'There is no session, or it has ended. Sign in at /login and repeat the request.'
  }
} as const satisfies Record<string, ErrorEntry>
