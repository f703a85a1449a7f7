import { errorTable, type ErrorCode } from './errors.js'

const setUpWrongly = 'Something here is set up wrongly. Please tell whoever runs this site, and show them the reference below.'
const showReference = 'show the reference below to whoever runs this site.'
const tooMuch = 'Too much is under way at once. Wait a moment and try again; closing other tabs of this site helps.'
const notAllowed = 'Whoever runs this site has not allowed this here. If you need it, show them the reference below.'
const program = 'This address is meant for programs. Go on at the start page.'

/** What a page says in place of a detail that speaks of settings, headers and routes, to operators and developers. */
const textsForPeople: Partial<Record<ErrorCode, string>> = {
  'GW-BAD-TARGET': 'The address is not complete, or was mistyped.',
  'GW-BAD-REQUEST': 'The browser sent something that cannot be read. Try again.',
  'GW-REQUEST-TIMEOUT': 'The connection was too slow. Try again.',
  'GW-BODY-ON-GET': program,
  'GW-BAD-UPGRADE': program,
  'GW-UPGRADE-REQUIRED': program,
  'GW-LOGIN-COOKIE-FRAME': 'Browsers allow no sign-in inside another page. Sign in in a window of its own.',
  'GW-LOGIN-COOKIE-HOST': `It began at another name of this site than it came back to. ${setUpWrongly}`,
  'GW-LOGIN-COOKIE-HTTP': `It began over an insecure connection, by an address with http instead of https. ${setUpWrongly}`,
  'GW-LOGIN-COOKIE-KEY': `It began at a server that shares no key with the one it came back to. ${setUpWrongly}`,
  'GW-LOGIN-LATE': 'More than ten minutes have passed since it began, or the clocks of the servers differ. Sign in again; ' +
    `if it happens at once, ${showReference}`,
  'GW-LOGIN-PARAMETERS': `Sign in again. If it happens again, ${showReference}`,
  'GW-LOGIN-ISSUER': setUpWrongly,
  'GW-LOGIN-REFUSED': `Sign in again. If it happens again, ${showReference}`,
  'GW-LOGIN-EXCHANGE': setUpWrongly,
  'GW-LOGIN-LOOP': 'The page that you came from asks to sign in again and again, although you are signed in. Sign in once more. ' +
    `If it comes back, ${showReference}`,
  'GW-SESSION-TOO-LARGE': setUpWrongly,
  'GW-TOKEN-LIMIT': 'Your account has as many sign-ins as Qlik allows, or is disabled. You stay signed in: ' +
    'sign out elsewhere, and try again later.',
  'GW-SPECULATION': 'Open the page yourself.',
  'GW-NO-NAVIGATION': 'Sign out by the link or button of the page.',
  'GW-STATEMENT': 'Sign in again at the application that you came from.',
  'GW-IDENTITY-KEYS': 'It cannot be verified who you are at the moment. Try again later.',
  'GW-USER-REFUSED': 'Qlik does not know you, or your account is disabled. Ask the administrator, and show them the reference below.',
  'GW-PROVISIONING': 'Your account at Qlik could not be set up. Try again later.',
  'GW-SIGN-IN-ELSEWHERE': 'Sign in at the application that you came from.',
  'GW-NO-SESSION': 'You are not signed in, or your session has ended. Go to the start page and sign in.',
  'GW-UNKNOWN-HOST': 'Nothing is served under this name. Check the address.',
  'GW-DRAINING': 'It is back in a moment. Try again.',
  'GW-FOREIGN-ORIGIN': notAllowed,
  'GW-CSRF-TOKEN': 'The page is out of date. Load it again.',
  'GW-POLICY-APP': notAllowed,
  'GW-POLICY-API': notAllowed,
  'GW-POLICY-USER': 'Qlik knows you, but you are not among those who may sign in here. ' +
    'Ask whoever runs this site, or sign in as somebody else.',
  'GW-POLICY-PROFILE': 'Qlik does not say who you are at the moment. Try again later.',
  'GW-POLICY-ENGINE': notAllowed,
  'GW-POLICY-READ-ONLY': notAllowed,
  'GW-NOT-FOUND': 'There is no page at this address.',
  'GW-METHOD': program,
  'GW-TOO-MANY-COOKIES': 'The browser sends too many cookies. Clear those of this site, and try again.',
  'GW-URL-TOO-LONG': 'The address is too long.',
  'GW-TOO-MANY-HEADERS': 'The browser, or one of its extensions, sends more than is accepted here.',
  'GW-TOO-MANY-LOGINS': 'Too many people signed in from your network within a minute. Wait a minute, then try again.',
  'GW-TOO-MANY-REQUESTS': tooMuch,
  'GW-TOO-MANY-SOCKETS': tooMuch,
  'GW-TOO-MANY-STREAMS': tooMuch,
  'GW-BUSY': tooMuch,
  'GW-TENANT-UNREACHABLE': `Qlik cannot be reached. Try again; if it lasts, ${showReference}`,
  'GW-TENANT-ANSWER': `What Qlik answered cannot be read. Try again; if it lasts, ${showReference}`,
  'GW-TENANT-BUSY': 'Qlik is busy. You stay signed in: try again in a moment.',
  'GW-LOOP': setUpWrongly,
  'GW-CLIENT-REFUSED': setUpWrongly,
  'GW-INTERNAL': `The fault is not yours. Try again; if it lasts, ${showReference}`
}

/** What a page says of an error, to people who know nothing of its settings. */
export function textForPeople (code: ErrorCode): string {
  return textsForPeople[code] ?? errorTable[code].detail
}
