import type { ErrorEntry } from './error-entry.js'

/** What is too much, too long or too late. */
export const limitErrors = {
  'GW-REQUEST-TIMEOUT': {
    status: 408,
    title: 'The request took too long',
    detail: 'Its headers did not arrive in time, or nothing of its body did for longer than BODY_TIMEOUT_SECONDS. ' +
      'Send them at once.'
  },
  'GW-TOO-MANY-COOKIES': {
    status: 431,
    title: 'Too many cookies',
    detail: 'The request carries more cookies than MAX_COOKIES or more bytes of headers than MAX_HEADER_BYTES. ' +
      'Clear the cookies of this site.'
  },
  'GW-URL-TOO-LONG': {
    status: 414,
    title: 'The address is too long',
    detail: 'The address of the request is longer than MAX_HEADER_BYTES allow. ' +
      'Send what it holds in a body, or raise the limit.'
  },
  'GW-TOO-MANY-HEADERS': {
    status: 431,
    title: 'Too many headers',
    detail: 'The request carries more headers than MAX_HEADERS. Send fewer.'
  },
  'GW-TOO-MANY-LOGINS': {
    status: 429,
    title: 'Too many sign-ins',
    detail: 'More sign-ins came from this address within a minute than MAX_LOGINS_PER_MINUTE. ' +
      'Try again after the time in Retry-After. If many people share the address of a proxy, list it in TRUSTED_PROXIES.'
  },
  'GW-TOO-MANY-REQUESTS': {
    status: 429,
    title: 'Too many requests at once',
    detail: 'This session has as many requests under way as MAX_REQUESTS_PER_SESSION. Wait for some of their answers.'
  },
  'GW-TOO-MANY-SOCKETS': {
    status: 429,
    title: 'Too many sockets',
    detail: 'This session has as many WebSockets open as MAX_SOCKETS_PER_SESSION. Close some.'
  },
  'GW-TOO-MANY-STREAMS': {
    status: 429,
    title: 'Too many event streams',
    detail: 'This session listens to /gateway/events 20 times already. Close some of the streams, or listen once and tell ' +
      'the others.'
  },
  'GW-DRAINING': {
    status: 503,
    title: 'The gateway is restarting',
    detail: 'It opens no more sockets. Try again after the time in Retry-After; Qlik\'s clients do so by themselves.'
  },
  'GW-BUSY': {
    status: 503,
    title: 'The gateway is busy',
    detail: 'As much is under way as MAX_SOCKETS, or MAX_UPSTREAM_CONNECTIONS and MAX_UPSTREAM_QUEUE, allow. ' +
      'Try again after the time in Retry-After.'
  }
} as const satisfies Record<string, ErrorEntry>
