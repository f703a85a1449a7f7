import type { FastifyBaseLogger } from 'fastify'
import { LRUCache } from 'lru-cache'
import { lazy } from '../lazy.js'
import { atMost } from '../lru.js'
import type { TokenSet } from '../session/record.js'
import { createSignals, type Signals } from '../signals.js'
import type { TokenFailure } from './token-failure.js'
import type { Refresher } from './refresh.js'

/** Revokes tokens in the background. Nothing waits for it; failures are logged without the token. */
export interface Revocation {
  /** Revokes the newest tokens that followed from these; with `isLeftOver` these themselves, whose successors stay valid. */
  revoke: (tokens: TokenSet, log: FastifyBaseLogger, isLeftOver?: boolean) => void
  /** Gives up attempts that are still to be made. */
  close: () => void
}

export interface RevocationOptions {
  tenant: { revoke: (token: string) => Promise<void> }
  refresher: Pick<Refresher, 'currentRefreshToken'>
  /** How long to wait before the second attempt, doubled with each; a second unless set. */
  firstWaitMs?: number
  signals?: Signals
}

const mostAttempts = 5
const longestWaitMs = 60_000
// So many wait only if the tenant has been down for long. The tokens expire by themselves, so memory matters more.
const mostWaiting = 10_000
const mostRemembered = 1_000

/** Tenants limit the tokens of a user, so tokens that are not needed any more must be revoked. */
export function createRevocation ({ tenant, refresher, firstWaitMs = 1_000, signals = createSignals() }: RevocationOptions): Revocation {
  const waiting = new Map<NodeJS.Timeout, FastifyBaseLogger>()
  // Several requests may have waited for the same grant, and all of them revoke its token.
  const givenBack = lazy(() => new LRUCache<string, true>(atMost(mostRemembered)))
  let closed = false

  async function revoke (tokens: TokenSet, isLeftOver: boolean): Promise<void> {
    const refreshToken = isLeftOver ? tokens.refreshToken : await refresher.currentRefreshToken(tokens)
    if (refreshToken === undefined || givenBack().has(refreshToken)) return
    givenBack().set(refreshToken, true)
    try {
      await tenant.revoke(refreshToken)
      signals.emit('revoked', 'revoked')
    } catch (error) {
      givenBack().delete(refreshToken)
      throw error
    }
  }

  function attempt (tokens: TokenSet, log: FastifyBaseLogger, isLeftOver: boolean, number: number): void {
    revoke(tokens, isLeftOver).catch((error: unknown) => {
      const { kind, message, retryAfterSeconds } = error as TokenFailure
      // A token that the tenant refuses to revoke is not valid there.
      if (kind === 'refused' || number === mostAttempts || closed || waiting.size >= mostWaiting) {
        signals.emit('revoked', 'given-up')
        log.warn({ failure: message, attempts: number }, 'the refresh token could not be revoked at the tenant')
        return
      }
      signals.emit('revoked', 'postponed')
      const waitMs = Math.min(longestWaitMs, retryAfterSeconds === undefined ? firstWaitMs * 2 ** (number - 1) : retryAfterSeconds * 1000)
      const timer = setTimeout(() => {
        waiting.delete(timer)
        attempt(tokens, log, isLeftOver, number + 1)
      }, waitMs)
      waiting.set(timer, log)
    })
  }

  return {
    revoke: (tokens, log, isLeftOver = false) => { attempt(tokens, log, isLeftOver, 1) },
    close () {
      closed = true
      for (const [timer, log] of waiting) {
        clearTimeout(timer)
        log.warn('the gateway ends before the refresh token could be revoked at the tenant')
      }
      waiting.clear()
    }
  }
}
