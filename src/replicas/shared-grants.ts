import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { atMost } from '../lru.js'
import type { Seal } from '../session/seal.js'
import type { RenewableTokens } from '../session/record.js'
import { TokenFailure } from '../credentials/token-failure.js'
import { countsAtOnce, renewalDueAt, type Grants } from '../credentials/grants.js'
import { failedMs, lifeOfFailure, readOutcome, resultOf, toFailure, tokensIn, type Outcome } from './outcome.js'
import type { Redis } from './redis.js'

export interface SharedGrantsOptions {
  redis: Redis
  seal: Seal
  /** How long a result is kept: as long as a cookie can come back with the token it came from. */
  rememberMs: number
  now: () => number
  /** The lifetime of a lock whose holder has died. A living holder extends it while its grant is under way. */
  lockMs?: number
}

export interface SharedGrants extends Grants {
  /** Resolves when the grants under way have ended and their outcomes are stored. Never rejects. */
  settled: () => Promise<unknown>
}

const pollMs = 25
const refusedMs = 600_000
// Results that Redis may have missed or lost. They are stored again when it comes back.
const mostRecent = 1_000
const recentMs = 600_000
const noWord = { kind: 'unavailable', tenantCode: 'NO-WORD', retryAfterSeconds: 1 } as const

/**
 * Returns the outcome, or the remaining ms of another replica's lock, or '' after acquiring the lock. With a time of 0
 * ms it does not acquire it.
 */
const acquire = `
local outcome = redis.call('GET', KEYS[1])
if outcome then return outcome end
local left = redis.call('PTTL', KEYS[2])
if left >= 0 then return left end
if ARGV[2] ~= '0' then redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2]) end
return ''`

/**
 * Tokens are always stored, because the refresh token has been used and nobody else can get them. A failure is stored
 * only by the holder of the lock: a replica whose lock has expired must not overwrite the result of its successor. Only
 * the holder releases the lock.
 */
const storeOutcome = `
local holds = redis.call('GET', KEYS[2]) == ARGV[1]
if holds or ARGV[4] == 'tokens' then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
if holds then redis.call('DEL', KEYS[2]) end
return 1`

const restore = `
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
return redis.call('SET', KEYS[1], ARGV[2], 'NX', 'PX', ARGV[3])`

const extend = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end"

const read = "return redis.call('GET', KEYS[1]) or ''"

/** Makes one grant per refresh token on all replicas that share a Redis, as long as Redis answers. */
export function shareGrants ({ redis, seal, rememberMs, now, lockMs = 12_000 }: SharedGrantsOptions): SharedGrants {
  const recent = new LRUCache<string, string[]>({ ...atMost(mostRecent), ttl: recentMs })
  // Refresh tokens that another replica was seen using. Until its result is known, using one of them again could end
  // the login.
  const spending = new LRUCache<string, true>({ ...atMost(mostRecent), ttl: lockMs })
  // Locks that were requested without getting an answer. Redis may have granted them.
  const abandoned = new LRUCache<string, string>({ ...atMost(mostRecent), ttl: lockMs })
  const running = new Set<Promise<unknown>>()
  redis.onArrival(async run => {
    for (const [key, fence] of abandoned) {
      const outcome = seal.seal('shared', { of: key, failure: noWord } satisfies Outcome)
      await run(storeOutcome, keysOf(redis.prefix, key), [fence, outcome, String(failedMs), 'failure'])
    }
    abandoned.clear()
    for (const [key, values] of recent) await run(restore, keysOf(redis.prefix, key), values)
  })

  function open (key: string, sealed: string): Outcome {
    const outcome = readOutcome(key, seal.open('shared', sealed)?.value)
    // It was sealed with a key, or in a format, that this replica does not know. The refresh token has been used, and
    // using it again would end the login.
    if (outcome === undefined) throw new TokenFailure('unavailable', { tenantCode: 'UNREADABLE', retryAfterSeconds: 1 })
    return outcome
  }

  function take (key: string, sealed: string): RenewableTokens {
    const outcome = open(key, sealed)
    if ('tokens' in outcome) return outcome.tokens
    throw new TokenFailure(outcome.failure.kind, outcome.failure)
  }

  async function storeTokens (key: string, fence: string, tokens: RenewableTokens): Promise<void> {
    const values = [fence, seal.seal('shared', { of: key, tokens } satisfies Outcome), String(Math.ceil(rememberMs))]
    recent.set(key, values)
    await redis.run(storeOutcome, keysOf(redis.prefix, key), [...values, 'tokens'])
  }

  async function grantFor (
    key: string, fence: string, lifeOf: (failure: TokenFailure) => number, grant: () => Promise<RenewableTokens>
  ): Promise<RenewableTokens> {
    const [, lock = ''] = keysOf(redis.prefix, key)
    const extending = setInterval(() => { redis.send(extend, [lock], [fence, String(lockMs)]) }, lockMs / 4).unref()
    try {
      const tokens = await grant().finally(() => { clearInterval(extending) })
      await storeTokens(key, fence, tokens)
      return tokens
    } catch (error) {
      const failure = toFailure(error)
      const outcome = seal.seal('shared', { of: key, ...resultOf(failure) } satisfies Outcome)
      const values = [fence, outcome, String(Math.ceil(lifeOf(failure))), 'failure']
      await redis.run(storeOutcome, keysOf(redis.prefix, key), values)
      throw failure
    }
  }

  async function noted<Result> (work: Promise<Result>): Promise<Result> {
    running.add(work)
    return await work.finally(() => { running.delete(work) })
  }

  return {
    async run (tokens, urgent, grant) {
      const key = keyOf(tokens)
      const fence = randomUUID()
      const lifeOf = (failure: TokenFailure) => lifeOfRefusal(failure, countsAtOnce(failure, tokens, urgent, now()))
      for (const giveUpAt = performance.now() + lockMs + 1_000; performance.now() < giveUpAt; await wait(pollMs)) {
        const spent = spending.has(key)
        const answer = await redis.run(acquire, keysOf(redis.prefix, key), [fence, spent ? '0' : String(lockMs)])
        switch (decide(answer, spent, urgent || isPressing(tokens, now()))) {
          case 'take':
            spending.delete(key)
            return { tokens: take(key, answer as string), here: false }
          case 'grant':
            return { tokens: await noted(grantFor(key, fence, lifeOf, grant)), here: true }
          case 'join':
            spending.set(key, true, { ttl: Math.max(1, answer as number) })
            break
          case 'wait':
            break
          case 'away':
            abandoned.set(key, fence)
            throw new TokenFailure(noWord.kind, noWord)
        }
      }
      throw new TokenFailure(noWord.kind, noWord)
    },
    async replace (tokens, next) {
      await storeTokens(keyOf(tokens), randomUUID(), next)
    },
    async find (tokens) {
      const key = keyOf(tokens)
      const answer = await redis.run(read, keysOf(redis.prefix, key), [])
      return typeof answer === 'string' && answer !== '' ? tokensIn(open(key, answer)) : undefined
    },
    settled: async () => await Promise.allSettled(running)
  }
}

/**
 * Decides by an answer of `acquire`. `take`: there is an outcome. `join`: another replica makes the grant. `grant`:
 * this replica has the lock, or Redis is away, the grant is urgent and no replica was seen making it. `wait`: a replica
 * was seen making the grant, but Redis has lost its lock; its result will come. `away`: Redis is away, and the grant
 * can wait or may have been made.
 */
function decide (answer: unknown, spent: boolean, pressing: boolean): 'take' | 'join' | 'grant' | 'wait' | 'away' {
  if (typeof answer === 'number') return 'join'
  if (answer === undefined) return spent || !pressing ? 'away' : 'grant'
  if (answer !== '') return 'take'
  return spent ? 'wait' : 'grant'
}

/** A refusal that is checked once more must not be stored as the answer to that check. */
function lifeOfRefusal (failure: TokenFailure, final: boolean): number {
  if (failure.kind === 'refused') return final ? refusedMs : failedMs
  return lifeOfFailure(failure)
}

/**
 * Whether half of the time for a renewal has passed. Until then Redis may come back, and the access token still works.
 */
function isPressing (tokens: RenewableTokens, now: number): boolean {
  return now >= (renewalDueAt(tokens) + tokens.endsAt) / 2
}

/**
 * A hash, so that Redis contains no refresh token. It includes the generation, because some tenants do not rotate
 * refresh tokens.
 */
function keyOf ({ refreshToken, generation }: RenewableTokens): string {
  return createHash('sha256').update(`${generation} ${refreshToken}`).digest('base64url')
}

function keysOf (prefix: string, key: string): string[] {
  return [`${prefix}${key}:outcome`, `${prefix}${key}:lock`]
}
