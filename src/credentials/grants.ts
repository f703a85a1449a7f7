import type { RenewableTokens, TokenSet } from '../session/record.js'
import type { TokenFailure } from './token-failure.js'

/** Where a refresh grant is run, and whether somebody else has run it already: the memory that replicas have in common, or none. */
export interface Grants {
  /**
   * The tokens that follow from these: from `grant`, or from the one replica that ran or runs it (`here` is false). `urgent`: the access
   * token is of no use any more, whatever its end. Raises TokenFailure, that of the other replica too.
   */
  run (tokens: RenewableTokens, urgent: boolean, grant: () => Promise<RenewableTokens>): Promise<{ tokens: RenewableTokens, here: boolean }>
  /** Tells the other replicas that a new sign-in has put other tokens in the place of these. Never rejects. */
  replace (tokens: RenewableTokens, next: RenewableTokens): Promise<void>
  /** The tokens that another replica is known to have got for these. */
  find (tokens: RenewableTokens): Promise<RenewableTokens | undefined>
}

/** A gateway on its own: every grant is its own. */
export const ownGrants: Grants = {
  run: async (_tokens, _urgent, grant) => ({ tokens: await grant(), here: true }),
  replace: async () => {},
  find: async () => undefined
}

/** The code of a grant whose tokens belong to another user: the refresh token is spent. */
export const anotherUser = 'ANOTHER-USER'

/** Whether a refusal ends the login by itself: where the access token still serves it is confirmed first, since nobody is the worse for it. */
export function countsAtOnce ({ tenantCode }: TokenFailure, { endsAt }: TokenSet, urgent: boolean, now: number): boolean {
  return urgent || tenantCode === anotherUser || now >= endsAt
}

const marginMs = 60_000

/** When an access token is due for renewal: so long before its end, 60 seconds unless told otherwise, or a tenth of its life when that is shorter. */
export function renewalDueAt (tokens: TokenSet, longestMarginMs = marginMs): number {
  return tokens.endsAt - Math.min(longestMarginMs, (tokens.endsAt - tokens.grantedAt) / 10)
}
