import type { TokenSet } from '../session/record.js'

/** Whether two access tokens name different users. They are opaque by contract: tokens that do not say are taken for the same user's. */
export function isAnotherUser (before: TokenSet, after: TokenSet): boolean {
  const [one, other] = [before, after].map(tokens => subjectOf(tokens.accessToken))
  return one !== undefined && other !== undefined && one !== other
}

/** The `sub` of an access token that is a JWT; undefined where it is opaque. */
export function subjectOf (token: string): string | undefined {
  const payload = token.split('.')[1]
  if (payload === undefined) return undefined
  try {
    const { sub } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { sub?: unknown }
    return typeof sub === 'string' ? sub : undefined
  } catch {
    return undefined
  }
}
