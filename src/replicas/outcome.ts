import { failureKinds, TokenFailure, type FailureKind } from '../credentials/token-failure.js'
import { isRenewable, isTokenSet, type RenewableTokens } from '../session/record.js'

interface Failure {
  kind: FailureKind
  status?: number | undefined
  tenantCode?: string | undefined
  retryAfterSeconds?: number | undefined
}

/** What a grant led to. */
export type GrantResult = { tokens: RenewableTokens } | { failure: Failure }

/** What replicas store about a grant, sealed. `of` binds it to its key: a value that was moved to another key is not accepted. */
export type Outcome = { of: string } & GrantResult

/** Returns an outcome; undefined if it is of another key, or of another format, which another replica may know. */
export function readOutcome (of: string, opened: unknown): Outcome | undefined {
  const { of: key, tokens, failure } = Object(opened) as { of?: unknown, tokens?: unknown, failure?: Partial<Failure> }
  const isResult = tokens === undefined ? failureKinds.some(kind => kind === failure?.kind) : isTokenSet(tokens) && isRenewable(tokens)
  return key === of && isResult ? opened as Outcome : undefined
}

/** The tokens of an outcome; undefined for none, and for a failure. */
export function tokensIn (outcome: Outcome | undefined): RenewableTokens | undefined {
  return outcome !== undefined && 'tokens' in outcome ? outcome.tokens : undefined
}

/** A failure as it is stored: without its cause, which may hold more. */
export function resultOf ({ kind, status, tenantCode, retryAfterSeconds }: TokenFailure): GrantResult {
  return { failure: { kind, status, tenantCode, retryAfterSeconds } }
}

/** In ms. Less than the second that a refresher waits at least, so that its next attempt does not find the old failure. */
export const failedMs = 900

/** For how many ms a failure is stored: until the next attempt is due. */
export function lifeOfFailure ({ retryAfterSeconds = 1 }: TokenFailure): number {
  return Math.max(failedMs, retryAfterSeconds * 1000 - 100)
}

/** Whatever a grant raised, as a failure that can be stored. */
export function toFailure (error: unknown): TokenFailure {
  return error instanceof TokenFailure ? error : new TokenFailure('unavailable', { cause: error })
}
