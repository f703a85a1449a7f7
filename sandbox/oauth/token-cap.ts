import type { Settings } from '../settings.js'
import type { TokenLedger } from './ledger.js'
import { refuseUser } from './token-errors.js'

/** Throws a 403 if a user has reached the maximal number of grants. */
export function checkTokenCount (ledger: TokenLedger, userId: string, { maximalTokensPerUser: cap }: Settings): void {
  if (cap > 0 && ledger.liveGrants(userId) >= cap) throw refuseUser('TOKENS', `The user has reached the maximum number of tokens (${cap}).`)
}
