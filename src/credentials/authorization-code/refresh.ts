import type { RenewableTokens, TokenSet } from '../../session/record.js'
import { createSignals, type Signals } from '../../signals.js'
import { TokenFailure } from '../token-failure.js'
import { ownGrants, renewalDueAt, type Grants } from './grants.js'
import { createLineages, type Flight, type Lineage } from './refresh-chain.js'
import { isAnotherUser } from './subject.js'

/** Keeps tokens usable with one refresh grant per refresh token, however many requests ask and whatever cookie they bring. */
export interface Refresher {
  /** Whether these tokens are the newest known, and their access token is not due yet: then `renew` would change nothing. */
  serves: (tokens: TokenSet) => boolean
  /**
   * The newest tokens that follow from these, renewed when their access token is due (or, with `replaced`, when they still hold that access
   * token, which the tenant has refused). A grant that takes long holds up nobody whose token still serves. Raises TokenFailure: `refused` when
   * the login has ended, otherwise when no token is left that could serve.
   */
  renew: (tokens: TokenSet, replaced?: string) => Promise<TokenSet>
  /** The refresh token that is alive in the place of these tokens', once a grant under way has ended; undefined when they have none. */
  settle: (tokens: TokenSet) => Promise<string | undefined>
  /** Learns from other replicas what followed from these tokens, as far as they can be asked. */
  follow: (tokens: TokenSet) => Promise<void>
  /** The newest tokens that this process knows to have followed from these; without any of newer date, these. */
  newest: (tokens: TokenSet) => TokenSet
}

export interface RefresherOptions {
  /** One refresh grant at the tenant. Raises TokenFailure. */
  refresh: (tokens: RenewableTokens) => Promise<RenewableTokens>
  now: () => number
  /** What replicas have in common; nothing unless given. */
  grants?: Grants
  /** Takes tokens that nobody will use: those of another user than the one who was signed in. */
  discard: (tokens: RenewableTokens) => void
  /** How many refresh tokens are remembered with what followed from them; the least recently used is forgotten first. */
  mostRemembered?: number
  /** How long a token that still serves waits for its successor; two seconds unless set. */
  patienceMs?: number
  signals?: Signals
}

const longestWaitSeconds = 60

/** A refresher that remembers in this process. An entry takes about 3 KB, so the default stays below 60 MB. */
export function createRefresher ({ refresh, now, grants = ownGrants, discard, mostRemembered = 20_000, patienceMs = 2_000, signals = createSignals() }: RefresherOptions): Refresher {
  const lineages = createLineages(mostRemembered)

  async function ask (from: RenewableTokens): Promise<RenewableTokens> {
    const next = await refresh(from)
    if (!isAnotherUser(from, next)) return next
    discard(next)
    throw new TokenFailure('refused', { tenantCode: 'ANOTHER-USER' })
  }

  async function grant (lineage: Lineage, urgent: boolean): Promise<RenewableTokens> {
    delete lineage.wait
    try {
      let granted = await step(lineage, urgent)
      // What other replicas got leads on until something serves; what came just now is as good as it gets.
      while (!granted.here && now() >= renewalDueAt(granted.tokens)) granted = await step(lineage, urgent)
      signals.emit('refreshed', granted.here ? 'granted' : 'remembered')
      return granted.tokens
    } catch (error) {
      const failure = error instanceof TokenFailure ? error : new TokenFailure('unavailable', { cause: error })
      signals.emit('refreshed', failure.kind === 'refused' ? 'refused' : 'failed')
      if (failure.kind === 'refused') lineage.refused = failure
      else postpone(lineage, failure)
      throw failure
    }
  }

  async function step (lineage: Lineage, urgent: boolean) {
    const from = lineage.latest
    const granted = await grants.run(from, urgent, async () => await ask(from))
    lineages.advance(lineage, granted.tokens)
    lineage.failures = 0
    return granted
  }

  /** The newest tokens that any replica is known to have got for these. */
  async function findNewest (tokens: RenewableTokens): Promise<RenewableTokens> {
    let latest = lineages.known(tokens)?.latest ?? tokens
    for (let next = await grants.find(latest); next !== undefined; next = await grants.find(latest)) {
      lineages.advance(lineages.of(latest), next)
      latest = next
    }
    return latest
  }

  function takeOff (lineage: Lineage, urgent: boolean): Flight {
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise<undefined>(resolve => { timer = setTimeout(resolve, patienceMs, undefined) })
    const result = grant(lineage, urgent).finally(() => {
      clearTimeout(timer)
      delete lineage.flight
    })
    return { result, patience }
  }

  function postpone (lineage: Lineage, failure: TokenFailure): void {
    const grown = Math.min(longestWaitSeconds, 2 ** lineage.failures)
    // Half of a growing wait is left to chance, so that replicas do not come back together.
    const seconds = failure.retryAfterSeconds ?? (lineage.failures === 0 ? 1 : grown / 2 + Math.random() * grown / 2)
    if (failure.retryAfterSeconds === undefined) lineage.failures++
    lineage.wait = { until: now() + seconds * 1000, failure }
  }

  return {
    serves (tokens) {
      if (!isRenewable(tokens)) return now() < tokens.endsAt
      const lineage = lineages.known(tokens)
      return now() < renewalDueAt(tokens) && (lineage === undefined || (lineage.refused === undefined && lineage.latest.generation <= tokens.generation))
    },
    async renew (tokens, replaced) {
      if (!isRenewable(tokens)) {
        if (now() < tokens.endsAt && replaced === undefined) return tokens
        signals.emit('refreshed', 'refused')
        throw new TokenFailure('refused', { tenantCode: 'NO-REFRESH-TOKEN' })
      }
      const stillServes = (latest: TokenSet) => now() < latest.endsAt && latest.accessToken !== replaced
      const serves = (latest: TokenSet) => stillServes(latest) && now() < renewalDueAt(latest)
      if (lineages.known(tokens) === undefined && serves(tokens)) return tokens
      const lineage = lineages.of(tokens)
      if (lineage.refused !== undefined) {
        signals.emit('refreshed', 'refused')
        throw lineage.refused
      }
      if (serves(lineage.latest)) {
        if (lineage.latest.generation > tokens.generation) signals.emit('refreshed', 'remembered')
        return lineage.latest
      }
      try {
        if (lineage.flight !== undefined) {
          signals.emit('refreshed', 'joined')
        } else if (lineage.wait !== undefined && now() < lineage.wait.until) {
          signals.emit('refreshed', 'waiting')
          throw lineage.wait.failure
        }
        lineage.flight ??= takeOff(lineage, replaced !== undefined)
        const { result, patience } = lineage.flight
        const soon = await Promise.race([result, patience])
        if (soon !== undefined) return soon
        return stillServes(lineage.latest) ? lineage.latest : await result
      } catch (error) {
        const failure = error as TokenFailure
        const { latest, wait } = lineage
        if (wait === undefined) throw failure
        if (stillServes(latest)) return latest
        throw new TokenFailure(failure.kind, { ...failure, retryAfterSeconds: secondsUntil(wait.until, now()), cause: failure })
      }
    },
    async settle (tokens) {
      if (!isRenewable(tokens)) return undefined
      // A grant that fails leaves the token as it was.
      await lineages.known(tokens)?.flight?.result.catch(() => {})
      return (await findNewest(tokens)).refreshToken
    },
    async follow (tokens) {
      // What cannot be asked or read is as if nothing had followed.
      if (isRenewable(tokens)) await findNewest(tokens).catch(() => {})
    },
    newest (tokens) {
      const latest = isRenewable(tokens) ? lineages.known(tokens)?.latest : undefined
      return latest !== undefined && latest.generation > tokens.generation ? latest : tokens
    }
  }
}

function isRenewable (tokens: TokenSet): tokens is RenewableTokens {
  return tokens.refreshToken !== undefined
}

function secondsUntil (at: number, now: number): number {
  return Math.min(longestWaitSeconds, Math.max(1, Math.ceil((at - now) / 1000)))
}
