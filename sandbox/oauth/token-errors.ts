import { Refusal, type ErrorBody } from '../front/errors.js'

/**
 * Qlik's codes and titles for the errors of RFC 6749. OAUTH-1, -5, -14, -22 and -29 are known to be a tenant's. The
 * other codes begin with SANDBOX, because another number could mean something else at a tenant.
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

/** The tenant's response for an error of oidc-provider: the status by Qlik's rules, the body in Qlik's format. */
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

// A wrong verifier or redirect URI is a bad parameter (400). A code or token that is no longer valid is unauthorized
// (401).
function isDead (detail: string): boolean {
  return !/mismatch|code_verifier/.test(detail)
}

/** The code, the token or the client's credentials are not valid: 401. */
export function unauthorized (detail: string): Refusal {
  return new Refusal(401, 'OAUTH-5', 'Unauthorized', detail)
}

/** Parameters are missing or wrong: 400. `error` is the code of RFC 6749. */
export function refuseParameters (detail: string, error = 'invalid_request'): Refusal {
  const { code, title } = describeErrorCode(error)
  return new Refusal(400, code, title, detail)
}

/** The user may not get a token: 403. `reason` distinguishes the cases. */
export function refuseUser (reason: 'DISABLED' | 'TOKENS' | 'CONSENT', detail: string): Refusal {
  return new Refusal(403, `SANDBOX-OAUTH-${reason}`, 'Forbidden', detail)
}

/** The Origin header is not an origin of the client. The code is Qlik's; the status 403 is a guess. */
export function refuseOrigin (origin: string): Refusal {
  return new Refusal(403, 'OAUTH-29', 'Invalid Origin Header', `The origin ${origin} is not registered with the client.`)
}
