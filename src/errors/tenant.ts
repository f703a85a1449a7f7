import type { ErrorEntry } from './error-entry.js'

/** What the tenant does not answer as it should. */
export const tenantErrors = {
  'GW-TOKEN-LIMIT': {
    status: 503,
    title: 'The tenant issues no more tokens for this user',
    detail: 'The user is disabled, or has reached the number of tokens that the tenant allows, so this session cannot go on ' +
      'at the moment. It stays: sign out elsewhere, or ask the tenant administrator to revoke tokens, and try again after ' +
      'the time in Retry-After.'
  },
  'GW-TENANT-UNREACHABLE': {
    status: 502,
    title: 'The tenant cannot be reached',
    detail: 'The connection to the tenant failed or broke. Try again; if it lasts, check QLIK_TENANT_URL, DNS, the network ' +
      'and the certificate.'
  },
  'GW-TENANT-ANSWER': {
    status: 502,
    title: 'The answer of the tenant cannot be read',
    detail: 'The tenant sent a body that is not of the encoding that it names. Try again; ' +
      'if it lasts, something between the gateway and the tenant changes what it sends.'
  },
  'GW-LOOP': {
    status: 508,
    title: 'The request has come round',
    detail: 'The gateway forwarded it and got it back: QLIK_TENANT_URL leads to the gateway itself. ' +
      'Set it to the tenant, by its original hostname.'
  },
  'GW-TENANT-TIMEOUT': {
    status: 504,
    title: 'The tenant did not answer in time',
    detail: 'The tenant accepted the request and sent no answer. Try again later.'
  },
  'GW-TENANT-BUSY': {
    status: 503,
    title: 'The tenant gives no token at the moment',
    detail: 'The token endpoint is limited, slow or down. The session stays; try again after the time in Retry-After.'
  },
  'GW-CLIENT-REFUSED': {
    status: 503,
    title: 'The tenant does not accept this gateway',
    detail: 'The token endpoint refuses the OAuth client: its id, its secret or its key is wrong, or was changed at the ' +
      'tenant. Sessions stay. The administrator corrects QLIK_CLIENT_ID, and the secret or key; then try again.'
  }
} as const satisfies Record<string, ErrorEntry>
