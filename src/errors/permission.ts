import type { ErrorEntry } from './error-entry.js'

/** What the page or the user may not do. */
export const permissionErrors = {
  'GW-FOREIGN-ORIGIN': {
    status: 403,
    title: 'The page may not do this',
    detail: 'The request changes something or opens a socket, and nothing proves that a page of PUBLIC_URL or EMBED_ORIGINS ' +
      'sent it. Add the origin of the page to EMBED_ORIGINS, or send the header qlik-csrf-token.'
  },
  'GW-CSRF-TOKEN': {
    status: 403,
    title: 'The CSRF token is not valid',
    detail: 'Fetch a new one from /api/v1/csrf-token and repeat the request with it in the header qlik-csrf-token.'
  },
  'GW-POLICY-APP': {
    status: 403,
    title: 'The app is not served here',
    detail: 'ALLOWED_APPS does not list it. Whoever runs the gateway can add its id; ' +
      'apps of a session, and connections to no app, are never served while the list is set.'
  },
  'GW-POLICY-API': {
    status: 403,
    title: 'The call is not served here',
    detail: 'ALLOWED_API has no entry for this method and path. Whoever runs the gateway can add one.'
  },
  'GW-POLICY-USER': {
    status: 403,
    title: 'You may not sign in here',
    detail: 'The tenant knows you, but neither ALLOWED_USERS nor ALLOWED_GROUPS lists you or a group of yours. ' +
      'Ask whoever runs the gateway, or sign in as somebody else.'
  },
  'GW-POLICY-PROFILE': {
    status: 503,
    title: 'The tenant does not say who you are',
    detail: 'Only listed users and groups may sign in, and the tenant did not answer GET /api/v1/users/me. ' +
      'Try again after the time in Retry-After.'
  },
  'GW-POLICY-ENGINE': {
    status: 403,
    title: 'The engine is not asked for this',
    detail: 'ENGINE_MODE=view lets pages read and select; ALLOWED_APPS keeps a socket to its app. ' +
      'What else a page asks of the engine is answered by an error of JSON-RPC with this code as its parameter.'
  },
  'GW-POLICY-READ-ONLY': {
    status: 403,
    title: 'The gateway is read only',
    detail: 'READ_ONLY is set: GET, HEAD and OPTIONS are served, and nothing that changes something.'
  }
} as const satisfies Record<string, ErrorEntry>
