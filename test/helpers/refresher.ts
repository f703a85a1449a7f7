import type { RenewableTokens } from '../../src/session/record.js'
import { TokenFailure, type FailureKind } from '../../src/credentials/token-failure.js'
import type { Grants } from '../../src/credentials/grants.js'
import { Refresher } from '../../src/credentials/refresh.js'

export const hour = 3_600_000

/** An access token that says whose it is. */
export function jwt (sub: string, serial: number): string {
  return `h.${Buffer.from(JSON.stringify({ sub, serial })).toString('base64url')}.s`
}

/** A refresher before a tenant that gives tokens of an hour and rotates its refresh tokens, with a clock to turn. */
export function startRefresher ({
  rotate = true,
  mostRemembered,
  grants: shared
}: { rotate?: boolean, mostRemembered?: number, grants?: Grants } = {}) {
  const clock = { at: 1_000_000 }
  const grants: string[] = []
  const failures: TokenFailure[] = []
  let serial = 0
  let release: (() => void) | undefined
  let gate: Promise<void> | undefined
  const issue = (refreshToken: string, generation: number, user = 'alice'): RenewableTokens =>
    ({ accessToken: jwt(user, ++serial), refreshToken, grantedAt: clock.at, endsAt: clock.at + hour, generation })
  const state = { user: 'alice', foreign: undefined as unknown }
  const discarded: string[] = []
  const refresher = new Refresher({
    now: () => clock.at,
    discard: ({ refreshToken }) => { discarded.push(refreshToken) },
    ...(mostRemembered === undefined ? {} : { mostRemembered }),
    ...(shared === undefined ? {} : { grants: shared }),
    async refresh (tokens) {
      grants.push(tokens.refreshToken)
      await gate
      if (state.foreign !== undefined) throw state.foreign as Error
      const failure = failures.shift()
      if (failure !== undefined) throw failure
      return issue(rotate ? `${tokens.refreshToken}+` : tokens.refreshToken, tokens.generation + 1, state.user)
    }
  })
  return {
    clock,
    grants,
    discarded,
    state,
    refresher,
    first: issue('r', 0),
    fail: (kind: FailureKind, retryAfterSeconds?: number) =>
      failures.push(
        new TokenFailure(kind, { status: 503, tenantCode: 'X-1', ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) })
      ),
    hold: () => { gate = new Promise(resolve => { release = resolve }) },
    release: () => release?.()
  }
}

/** How long after a grant its access token is due. */
export const due = hour - 60_000
