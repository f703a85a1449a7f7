import { failureKinds, type FailureKind, type TokenFailure } from '../credentials/token-failure.js'
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
