import { Refusal, type ErrorBody } from '../front/errors.js'

/**
 * Codes and titles by the names of RFC 6749. OAUTH-1, -5, -14, -22 and -29 are a tenant's own, seen in public.
 * For what nobody has seen the codes are the sandbox's and say so: another number would have another meaning at a tenant.
 */
const codes: Record<string, { code: string, title: string }> = {
  invalid_redirect_uri: { code: 'OAUTH-1', title: 'Invalid redirect_uri' },
  invalid_client: { code: 'OAUTH-14', title: 'Invalid client_id' },
  invalid_grant: { code: 'SANDBOX-OAUTH-GRANT', title: 'Invalid grant' },
  invalid_scope: { code: 'SANDBOX-OAUTH-SCOPE', title: 'Invalid scope' },
  unsupported_grant_type: { code: 'SANDBOX-OAUTH-GRANT-TYPE', title: 'Unsupported grant type' },
  unauthorized_client: { code: 'SANDBOX-OAUTH-GRANT-TYPE', title: 'Unauthorized client' },
  access_denied: { code: 'SANDBOX-OAUTH-DENIED', title: 'Access denied' },
  unsupported_response_type: { code: 'SANDBOX-OAUTH-RESPONSE-TYPE', title: 'Unsupported response type' },
  server_error: { code: 'SANDBOX-OAUTH-FAILURE', title: 'Internal error' }
}
const unknownError = { code: 'SANDBOX-OAUTH-REQUEST', title: 'Bad request' }

/** Code and title of an OAuth error. */
export function describeErrorCode (error: string): { code: string, title: string } {
  return codes[error] ?? unknownError
}

/** The answer of the tenant for an error of oidc-provider: its status by Qlik's rules, its body in Qlik's shape. */
export function describeTokenError (
  status: number,
  error: string,
  description: string | undefined,
  cause?: unknown
): { status: number, body: ErrorBody } {
  const { code, title } = describeErrorCode(error)
  const detail =
    cause instanceof Error && 'error_detail' in cause && typeof cause.error_detail === 'string'
      ? cause.error_detail
      : (description ?? title)
  const refusal = error === 'invalid_grant' && isDead(detail) ? unauthorized(detail) : new Refusal(status, code, title, detail)
  return { status: refusal.statusCode, body: refusal.toBody() }
}

// A verifier or redirect URI that does not fit is a bad parameter (400); a code or token that no longer works is unauthorized (401).
function isDead (detail: string): boolean {
  return !/mismatch|code_verifier/.test(detail)
}

/** The code, the token or the client's proof does not work: 401. */
export function unauthorized (detail: string): Refusal {
  return new Refusal(401, 'OAUTH-5', 'Unauthorized', detail)
}

/** Parameters that are missing or do not fit: 400. `error` is the name that RFC 6749 has for it. */
export function refuseParameters (detail: string, error = 'invalid_request'): Refusal {
  const { code, title } = describeErrorCode(error)
  return new Refusal(400, code, title, detail)
}

/** The user may have no token: 403. `reason` tells the cases apart. */
export function refuseUser (reason: 'DISABLED' | 'TOKENS' | 'CONSENT', detail: string): Refusal {
  return new Refusal(403, `SANDBOX-OAUTH-${reason}`, 'Forbidden', detail)
}

/** The browser's Origin header names no origin of the client. The code is Qlik's; that the status is 403 is a guess. */
export function refuseOrigin (origin: string): Refusal {
  return new Refusal(403, 'OAUTH-29', 'Invalid Origin Header', `The origin ${origin} is not registered with the client.`)
}
