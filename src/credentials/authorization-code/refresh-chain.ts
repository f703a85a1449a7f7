import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { atMost } from '../../lru.js'
import type { RenewableTokens } from '../../session/record.js'
import type { TokenFailure } from '../token-failure.js'

/** A grant under way, and when those stop waiting for it who can do without. */
export interface Flight { result: Promise<RenewableTokens>, patience: Promise<undefined> }

/** All refresh tokens that followed one another since a login. Every one of them leads to the newest tokens. */
export interface Lineage {
  latest: RenewableTokens
  flight?: Flight
  refused?: TokenFailure
  /** Failed attempts since the last that succeeded. */
  failures: number
  /** No attempt before this time, because of this failure. */
  wait?: { until: number, failure: TokenFailure }
}

/** The lineages of the logins that this process has renewed tokens for, each found by any of its refresh tokens. */
export interface Lineages {
  known (tokens: RenewableTokens): Lineage | undefined
  /** The lineage of these tokens, begun with them where none is known. */
  of (tokens: RenewableTokens): Lineage
  /** Adds tokens that followed; older ones than the latest lead to it and displace nothing. */
  advance (lineage: Lineage, tokens: RenewableTokens): void
}

/** Remembers so many refresh tokens; the least recently used is forgotten first. */
export function createLineages (mostRemembered: number): Lineages {
  const lineages = new LRUCache<string, Lineage>(atMost(mostRemembered))

  return {
    known: tokens => lineages.get(keyOf(tokens)),
    of (tokens) {
      const key = keyOf(tokens)
      const known = lineages.get(key)
      if (known === undefined) {
        const lineage = { latest: tokens, failures: 0 }
        lineages.set(key, lineage)
        return lineage
      }
      // Another replica may have refreshed under a refresh token that the tenant does not rotate.
      if (known.latest.refreshToken === tokens.refreshToken && tokens.generation > known.latest.generation) known.latest = tokens
      return known
    },
    advance (lineage, tokens) {
      if (tokens.generation > lineage.latest.generation) lineage.latest = tokens
      lineages.set(keyOf(tokens), lineage)
    }
  }
}

const keys = new WeakMap<RenewableTokens, string>()

// The key is a hash, so that the memory of one process is not a list of live refresh tokens by name.
function keyOf (tokens: RenewableTokens): string {
  const known = keys.get(tokens)
  if (known !== undefined) return known
  const key = hash('sha256', tokens.refreshToken, 'base64url')
  keys.set(tokens, key)
  return key
}
