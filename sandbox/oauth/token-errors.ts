import { Refusal, type ErrorBody } from '../front/errors.js'

// OAUTH-29 is the one number that was seen in the wild; the others are ours and only keep cases apart.
const codes: Record<string, { code: string, title: string }> = {
  invalid_client: { code: 'OAUTH-2', title: 'Invalid client' },
  invalid_grant: { code: 'OAUTH-3', title: 'Invalid grant' },
  invalid_scope: { code: 'OAUTH-4', title: 'Invalid scope' },
  unsupported_grant_type: { code: 'OAUTH-5', title: 'Unsupported grant type' },
  invalid_redirect_uri: { code: 'OAUTH-6', title: 'Invalid redirect URI' },
  access_denied: { code: 'OAUTH-7', title: 'Access denied' },
  unsupported_response_type: { code: 'OAUTH-8', title: 'Unsupported response type' },
  server_error: { code: 'OAUTH-500', title: 'Internal error' }
}
const unknownError = { code: 'OAUTH-1', title: 'Bad request' }

/** Qlik's code and title for an OAuth error. */
export function describeErrorCode (error: string): { code: string, title: string } {
  return codes[error] ?? unknownError
}

/** The answer of the tenant for an error of oidc-provider: its status by Qlik's rules, its body in Qlik's shape. */
export function describeTokenError (status: number, error: string, description: string | undefined, cause?: unknown): { status: number, body: ErrorBody } {
  const { code, title } = describeErrorCode(error)
  const detail = cause instanceof Error && 'error_detail' in cause && typeof cause.error_detail === 'string' ? cause.error_detail : description ?? title
  const refusal = new Refusal(error === 'invalid_grant' && isDead(detail) ? 401 : status, code, title, detail)
  return { status: refusal.statusCode, body: refusal.toBody() }
}

// A verifier or redirect URI that does not fit is a bad parameter (400); a code or token that no longer works is unauthorized (401).
function isDead (detail: string): boolean {
  return !/mismatch|code_verifier/.test(detail)
}

/** The browser's Origin header names no origin of the client. The code is Qlik's; that the status is 403 is a guess. */
export function refuseOrigin (origin: string): Refusal {
  return new Refusal(403, 'OAUTH-29', 'Invalid Origin Header', `The origin ${origin} is not registered with the client.`)
}
