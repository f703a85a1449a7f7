import type { RenewableTokens, TokenSet } from '../session/record.js'
import type { TokenFailure } from './token-failure.js'

/** Runs refresh grants: in this process alone, or coordinated with the other replicas so that one of them runs each grant. */
export interface Grants {
  /**
   * The tokens that follow from these: from `grant`, or from the replica that has run it or runs it (`here` is false).
   * `urgent` says that the tenant has refused the access token. Raises TokenFailure, also that of the other replica.
   */
  run (tokens: RenewableTokens, urgent: boolean, grant: () => Promise<RenewableTokens>): Promise<{ tokens: RenewableTokens, here: boolean }>
  /** Tells the other replicas that a new sign-in has replaced these tokens. Never rejects. */
  replace (tokens: RenewableTokens, next: RenewableTokens): Promise<void>
  /** The tokens that another replica has got for these. */
  find (tokens: RenewableTokens): Promise<RenewableTokens | undefined>
}

/** For a gateway without replicas. */
export const ownGrants: Grants = {
  run: async (_tokens, _urgent, grant) => ({ tokens: await grant(), here: true }),
  replace: async () => {},
  find: async () => undefined
}

/** The code of the failure when a refresh grant returned tokens of another user. The refresh token is spent then. */
export const anotherUser = 'ANOTHER-USER'

/** Whether a refusal ends the login at once. While the access token still serves, nothing is lost by asking once more first. */
export function countsAtOnce ({ tenantCode }: TokenFailure, { endsAt }: TokenSet, urgent: boolean, now: number): boolean {
  return urgent || tenantCode === anotherUser || now >= endsAt
}

const marginMs = 60_000

/** When an access token is due for renewal: a tenth of its life before its end, but no more than the given margin (60 seconds). */
export function renewalDueAt (tokens: TokenSet, longestMarginMs = marginMs): number {
  return tokens.endsAt - Math.min(longestMarginMs, (tokens.endsAt - tokens.grantedAt) / 10)
}
