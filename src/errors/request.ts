import type { ErrorEntry } from './error-entry.js'

/** Requests that cannot be served as they are, and faults of the gateway itself. */
export const requestErrors = {
  'GW-BAD-TARGET': {
    status: 400,
    title: 'The address is not acceptable',
    detail: 'The path holds a dot segment, an empty segment, a backslash, a fragment or malformed percent-encoding. ' +
      'Send the canonical path.'
  },
  'GW-BAD-REQUEST': {
    status: 400,
    title: 'The request is not acceptable',
    detail: 'The request could not be read as HTTP. Check its headers and its body.'
  },
  'GW-BODY-ON-GET': {
    status: 400,
    title: 'GET and HEAD carry no body',
    detail: 'A body on GET or HEAD has no meaning (RFC 9110, section 9.3.1) and is not forwarded. ' +
      'Leave it out or use another method.'
  },
  'GW-BAD-UPGRADE': {
    status: 400,
    title: 'The upgrade is not acceptable',
    detail: 'Only WebSocket upgrades (RFC 6455) to /app/… are served here.'
  },
  'GW-UPGRADE-REQUIRED': {
    status: 426,
    title: 'A WebSocket upgrade is required',
    detail: 'The engine is reached by WebSocket only. Open /app/… with an upgrade.'
  },
  'GW-UNKNOWN-HOST': {
    status: 421,
    title: 'No tenant is served under this host',
    detail: 'The gateway serves several tenants and finds each by the host and path of its publicUrl. Check the address; ' +
      'a proxy before the gateway must pass the Host header of the browser on.'
  },
  'GW-NOT-FOUND': {
    status: 404,
    title: 'Nothing is here',
    detail: 'The gateway serves and forwards other paths only; FORWARD_PUBLIC and FORWARD_PRIVATE list what it forwards.'
  },
  'GW-METHOD': {
    status: 405,
    title: 'The method is not allowed here',
    detail: 'The path answers other methods. The header Allow names them.'
  },
  'GW-INTERNAL': {
    status: 500,
    title: 'The gateway failed',
    detail: 'This is a fault of the gateway. The reference leads to it in the log.'
  }
} as const satisfies Record<string, ErrorEntry>
