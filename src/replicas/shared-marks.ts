import type { Redis, RunScript } from './redis.js'

/**
 * A mark: a session id, with a number if the kind of mark has one (`id.number`), and its age. Ages work without
 * synchronized clocks.
 */
export type Mark = [mark: string, ageMs: number]

/** Session ids that replicas tell each other. */
export interface SharedMarksOptions {
  redis: Redis
  /** The kind of mark. */
  name: string
  /** How long a mark is kept, counted from when it was made. */
  keepMs: number
  /** The marks that this replica knows. They are told again after Redis has come back, perhaps without its data. */
  known: () => Iterable<Mark>
  /** Called with marks of other replicas. */
  learn: (mark: string, ageMs: number) => void
}

export interface SharedMarks {
  /** Tells all replicas, in the background. If Redis is away, it is told later. */
  tell (marks: readonly Mark[]): void
}

const batch = 500

const clock = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`

/**
 * Keeps ids by the time of Redis's own clock, and announces those that are new, or newer by more than a second (or
 * less, where they are kept for less than 20).
 */
const mark = `${clock}
for at = 3, #ARGV, 2 do
  local since = now - ARGV[at + 1]
  local before = redis.call('ZSCORE', KEYS[1], ARGV[at])
  if not before or since - before > math.min(1000, ARGV[1] / 20) then
    redis.call('ZADD', KEYS[1], since, ARGV[at])
    redis.call('PUBLISH', ARGV[2], ARGV[at] .. ' ' .. ARGV[at + 1])
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1`

/** Returns a page of the stored marks, in the form in which they are announced. */
const page = `${clock}
local found = redis.call('ZREVRANGE', KEYS[1], ARGV[1], ARGV[2], 'WITHSCORES')
local marks = {}
for at = 1, #found, 2 do marks[#marks + 1] = found[at] .. ' ' .. string.format('%.0f', math.max(0, now - found[at + 1])) end
return marks`

/**
 * Keeps marks in the memory of every replica. They are announced by publication, and all are read after each
 * (re)connection.
 */
export function shareMarks ({ redis, name, keepMs, known, learn }: SharedMarksOptions): SharedMarks {
  const key = redis.prefix + name

  function * batchesOf (marks: readonly Mark[]): Generator<string[]> {
    for (let at = 0; at < marks.length; at += batch) yield [String(keepMs), key, ...marks.slice(at, at + batch).flat().map(String)]
  }

  async function readAll (run: RunScript): Promise<void> {
    let told: string[]
    let at = 0
    do {
      told = await run(page, [key], [String(at), String(at + batch - 1)]) as string[]
      for (const message of told) hear(message)
      at += batch
    } while (told.length === batch)
  }

  function hear (message: string): void {
    // Anybody with access to Redis can publish, so only well-formed marks are stored.
    const [, mark, ageMs] = /^([\w-]{22}(?:\.\d{1,9})?) (\d{1,12})$/.exec(message) ?? []
    if (mark !== undefined && Number(ageMs) < keepMs) learn(mark, Number(ageMs))
  }

  redis.listen(key, hear)
  redis.onArrival(async run => {
    await readAll(run)
    for (const values of batchesOf([...known()])) await run(mark, [key], values)
  })

  return {
    tell (marks) {
      for (const values of batchesOf(marks)) redis.send(mark, [key], values)
    }
  }
}
