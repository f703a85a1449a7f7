import type { TokenSet } from '../session/record.js'

/** Whether two access tokens name different users. Access tokens may be opaque; those count as tokens of the same user. */
export function isAnotherUser (before: TokenSet, after: TokenSet): boolean {
  const [one, other] = [before, after].map(tokens => subjectOf(tokens.accessToken))
  return one !== undefined && other !== undefined && one !== other
}

/** The `sub` of an access token that is a JWT; undefined for an opaque one. */
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
