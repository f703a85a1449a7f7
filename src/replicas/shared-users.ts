import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { TokenFailure } from '../credentials/token-failure.js'
import type { UserStore } from '../credentials/impersonation/user-store.js'
import { atMost } from '../lru.js'
import type { RenewableTokens } from '../session/record.js'
import type { Seal } from '../session/seal.js'
import { lifeOfFailure, readOutcome, resultOf, toFailure, tokensIn, type GrantResult, type Outcome } from './outcome.js'
import type { Redis } from './redis.js'
import { shareTurns } from './shared-turns.js'

export interface SharedUsersOptions {
  redis: Redis
  seal: Seal
  /** Identifies the tenant and its client: the same user elsewhere is another user. */
  scope: string
  /** Used while Redis is away. */
  own: UserStore
  now: () => number
  /** The lifetime of a lock whose holder has died: a little more than a grant may take that waits for its turn. */
  lockMs?: number
}

const pollMs = 25
const mostRemembered = 100_000

/**
 * Returns the outcome, unless it is the one to be replaced; or the remaining ms of another replica's lock; or '' after
 * acquiring the lock.
 */
const acquire = `
local outcome = redis.call('GET', KEYS[1])
if outcome and outcome ~= ARGV[3] then return outcome end
local left = redis.call('PTTL', KEYS[2])
if left >= 0 then return left end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return ''`

/**
 * Only the holder of the lock stores a result and releases the lock. A logout deletes the lock, so a late result is not
 * stored.
 */
const storeOutcome = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return 1`

/** Stores the latest end of a session. The set of sessions is kept until the last one ends. */
const join = `
local before = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not before or tonumber(before) < tonumber(ARGV[2]) then redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1]) end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 1`

/** Returns how many sessions are left. For the last one it returns the user's stored outcome, and deletes it. */
const leave = `
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2])
local left = redis.call('ZCARD', KEYS[1])
if left > 0 then return left end
local outcome = redis.call('GET', KEYS[2]) or ''
redis.call('DEL', KEYS[2], KEYS[3])
redis.call('PUBLISH', ARGV[3], ARGV[4])
return outcome`

/**
 * The users of one tenant on all replicas that share a Redis, as long as Redis answers: one grant per user, and a
 * common count of their sessions.
 */
export function shareUsers ({ redis, seal, scope, own, now, lockMs = 16_000 }: SharedUsersOptions): UserStore {
  /** The end of each session, as Redis was told. */
  const joined = new LRUCache<string, number>(atMost(mostRemembered))
  const channel = `${redis.prefix}dropped-users`
  const hash = (user: string) => createHash('sha256').update(`${scope} ${user}`).digest('base64url')
  const keyOf = (user: string, name: 'token' | 'lock' | 'sessions') => `${redis.prefix}${hash(user)}:user-${name}`

  function open (user: string, sealed: unknown): Outcome | undefined {
    return typeof sealed === 'string' ? readOutcome(user, seal.open('shared', sealed)?.value) : undefined
  }

  async function grantFor (user: string, fence: string, grant: () => Promise<RenewableTokens>): Promise<RenewableTokens> {
    async function store (result: GrantResult, lifeMs: number): Promise<void> {
      const values = [fence, seal.seal('shared', { of: user, ...result } satisfies Outcome), String(Math.max(1, Math.ceil(lifeMs)))]
      await redis.run(storeOutcome, [keyOf(user, 'token'), keyOf(user, 'lock')], values)
    }
    try {
      const tokens = await grant()
      await store({ tokens }, tokens.endsAt - now())
      return tokens
    } catch (error) {
      const failure = toFailure(error)
      await store(resultOf(failure), lifeOfFailure(failure))
      throw failure
    }
  }

  return {
    grants: {
      ...own.grants,
      async run (tokens, _urgent, grant) {
        const { refreshToken: user } = tokens
        const fence = randomUUID()
        let useless = ''
        for (const giveUpAt = performance.now() + lockMs + 1_000; performance.now() < giveUpAt;) {
          const answer = await redis.run(acquire, [keyOf(user, 'token'), keyOf(user, 'lock')], [fence, String(lockMs), useless])
          if (answer === undefined) return { tokens: await grant(), here: true }
          if (answer === '') return { tokens: await grantFor(user, fence, grant), here: true }
          const outcome = open(user, answer)
          if (outcome !== undefined && 'failure' in outcome) throw new TokenFailure(outcome.failure.kind, outcome.failure)
          const found = tokensIn(outcome)
          if (found !== undefined && found.accessToken !== tokens.accessToken) {
            // The clocks of replicas differ, so a token that is found counts as newer than the one to be replaced.
            return { tokens: { ...found, generation: Math.max(found.generation, tokens.generation + 1) }, here: false }
          }
          // It is the token to be replaced, or unreadable for this replica.
          if (typeof answer === 'string') useless = answer
          else await wait(pollMs)
        }
        throw new TokenFailure('unavailable', { tenantCode: 'NO-WORD', retryAfterSeconds: 1 })
      }
    },
    turns: shareTurns({ redis, name: hash(''), own: own.turns }),
    join (user, session) {
      own.join(user, session)
      const { id, endsAt } = session
      if (endsAt <= (joined.get(id) ?? 0)) return
      joined.set(id, endsAt)
      redis.send(join, [keyOf(user, 'sessions')], [id, String(endsAt), String(Math.max(1, Math.ceil(endsAt - now())))])
    },
    async leave (user, sessionId) {
      joined.delete(sessionId)
      const ownAnswer = await own.leave(user, sessionId)
      const left = await redis.run(leave, [keyOf(user, 'sessions'), keyOf(user, 'token'), keyOf(user, 'lock')], [
        sessionId, String(now()), channel, seal.seal('shared', { dropped: user })
      ])
      if (left === undefined) return ownAnswer
      if (typeof left === 'number') return undefined
      const tokens = tokensIn(open(user, left))
      return tokens === undefined ? [] : [tokens]
    },
    onDropped (listener) {
      redis.listen(channel, message => {
        const { dropped } = Object(seal.open('shared', message)?.value) as { dropped?: unknown }
        if (typeof dropped === 'string') listener(dropped)
      })
    }
  }
}
