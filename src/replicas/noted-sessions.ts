import { hash, randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { lazy } from '../lazy.js'
import { atMost } from '../lru.js'
import { readSession, type Session } from '../session/record.js'
import type { Seal } from '../session/seal.js'
import type { Redis } from './redis.js'

/**
 * Finds a session of a browser that may not have its cookie, because the answer with the cookie is still on its way, was
 * overtaken by another answer, or was lost. The browser still brings the state of the login, or the cookie of the session
 * that was replaced: these are the names of the session here.
 */
export interface NotedSessions {
  /** Notes a session under these names. Resolves when other replicas can find it, or cannot be told; never rejects. */
  note (names: readonly string[], session: Session): Promise<unknown>
  /** The sessions that this process noted under these names. */
  known (names: readonly string[]): Session[]
  /** Learns what other replicas noted under these names, as far as they can be asked. Never rejects. */
  learn (names: readonly string[]): Promise<void>
  /**
   * Runs something while no other replica does so for any of these names. It runs anyway if the replicas cannot be
   * asked, or if another one takes too long.
   */
  alone<Result> (names: readonly string[], run: () => Promise<Result>): Promise<Result>
}

// As long as a browser keeps the cookie of a login.
const keepMs = 3_600_000
// Each entry takes about 4 KB.
const mostRemembered = 5_000
const pollMs = 25

const write = "for at, key in ipairs(KEYS) do redis.call('SET', key, ARGV[at + 1], 'PX', ARGV[1]) end return 1"

const read = `
local found = {}
for at, key in ipairs(KEYS) do found[at] = redis.call('GET', key) or '' end
return found`

/** Takes all of the locks or none, so that two replicas cannot wait for each other. */
const acquire = `
for _, key in ipairs(KEYS) do if redis.call('GET', key) then return 0 end end
for _, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1], 'PX', ARGV[2]) end
return 1`

const letGo = "for _, key in ipairs(KEYS) do if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end end return 1"

export interface SharedNotes {
  redis: Redis
  seal: Seal
  /** How long a lock lives if its holder dies. It must be longer than the work under the lock takes while Redis is slow. */
  lockMs?: number
}

/** Sessions that this process notes, and with Redis all replicas. */
export function createNotedSessions (shared?: SharedNotes): NotedSessions {
  const noted = lazy(() => new LRUCache<string, Session>({ ...atMost(mostRemembered), ttl: keepMs }))
  const known = (names: readonly string[]) => names.flatMap(name => noted().get(name) ?? [])
  function noteHere (names: readonly string[], session: Session): void {
    for (const name of names) noted().set(name, session)
  }
  if (shared === undefined) {
    return {
      note: async (names, session) => { noteHere(names, session) },
      known,
      learn: async () => {},
      alone: async (_names, run) => await run()
    }
  }

  const { redis, seal, lockMs = 5_000 } = shared
  // A hash, so that Redis holds no state of a login.
  const keyOf = (name: string, kind: 'session' | 'sign-in') => `${redis.prefix}${hash('sha256', name, 'base64url')}:${kind}`
  // The sealed value names its key, so a value that was moved to another key is not accepted.
  const sealFor = (name: string, session: Session) => seal.seal('shared', { of: name, session })
  function open (name: string, sealed: string): Session | undefined {
    const { of, session } = Object(seal.open('shared', sealed)?.value) as { of?: unknown, session?: unknown }
    return of === name ? readSession(session) : undefined
  }

  return {
    known,
    async note (names, session) {
      noteHere(names, session)
      if (names.length === 0) return
      await redis.run(write, names.map(name => keyOf(name, 'session')), [String(keepMs), ...names.map(name => sealFor(name, session))])
    },
    async learn (names) {
      const unknown = names.filter(name => !noted().has(name))
      if (unknown.length === 0) return
      const found = await redis.run(read, unknown.map(name => keyOf(name, 'session')), []) as string[] | undefined
      for (const [at, name] of unknown.entries()) {
        const session = open(name, found?.[at] ?? '')
        if (session !== undefined) noteHere([name], session)
      }
    },
    async alone (names, run) {
      const keys = names.map(name => keyOf(name, 'sign-in'))
      const fence = randomUUID()
      const giveUpAt = performance.now() + lockMs
      while (keys.length > 0 && await redis.run(acquire, keys, [fence, String(lockMs)]) === 0 && performance.now() < giveUpAt) {
        await wait(pollMs)
      }
      try {
        return await run()
      } finally {
        if (keys.length > 0) redis.send(letGo, keys, [fence])
      }
    }
  }
}
