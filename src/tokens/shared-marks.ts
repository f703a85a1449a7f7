import type { Redis, RunScript } from './redis.js'

/** Session ids that replicas tell one another. */
export interface SharedMarksOptions {
  redis: Redis
  /** What the mark says. */
  name: string
  /** How long an id is kept. */
  keepMs: number
  /** What this replica knows, told again when Redis has come back, maybe empty. */
  known: () => Iterable<string>
  /** Takes what another replica said. */
  learn: (sessionId: string) => void
}

export interface SharedMarks {
  /** Tells all replicas. Nobody waits for it: what Redis does not take now is told when it is back. */
  tell (sessionIds: readonly string[]): void
}

const batch = 500

/**
 * Keeps ids by the time of Redis's own clock, and announces those that are new.
 */
const mark = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for at = 3, #ARGV do
  if redis.call('ZADD', KEYS[1], 'NX', now, ARGV[at]) == 1 then redis.call('PUBLISH', ARGV[2], ARGV[at]) end
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1`

const page = "return redis.call('ZREVRANGE', KEYS[1], ARGV[1], ARGV[2])"

/** Marks that every replica holds in its own memory: told by publication, and read in whole after each (re)connection. */
export function shareMarks ({ redis, name, keepMs, known, learn }: SharedMarksOptions): SharedMarks {
  const key = `qlik-embed-gateway:${name}`

  function * batchesOf (ids: readonly string[]): Generator<string[]> {
    for (let at = 0; at < ids.length; at += batch) yield [String(keepMs), key, ...ids.slice(at, at + batch)]
  }

  async function readAll (run: RunScript): Promise<void> {
    let ids: string[]
    let at = 0
    do {
      ids = await run(page, [key], [String(at), String(at + batch - 1)]) as string[]
      for (const id of ids) hear(id)
      at += batch
    } while (ids.length === batch)
  }

  function hear (id: string): void {
    // Anybody with access to Redis can publish; only what can be an id takes memory.
    if (/^[\w-]{22}$/.test(id)) learn(id)
  }

  redis.listen(key, hear)
  redis.onArrival(async run => {
    await readAll(run)
    for (const values of batchesOf([...known()])) await run(mark, [key], values)
  })

  return {
    tell (ids) {
      for (const values of batchesOf(ids)) redis.send(mark, [key], values)
    }
  }
}
