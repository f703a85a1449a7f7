import type { Summary } from './measure.js'

/** The summaries of one run: by work, then by contestant. */
export type Results = Map<string, Map<string, Summary>>

interface Target {
  name: string
  /** What was measured; undefined where a contestant or a work is missing. */
  of: (results: Results) => number | undefined
  /** The figure must be at least, or at most, this. */
  atLeast?: number
  atMost?: number
}

/** How often one contestant's figure holds another's. */
function ratio (work: string, key: keyof Summary, other: string, one = 'ours', otherWork = work): Target['of'] {
  return results => {
    const [mine, theirs] = [results.get(work)?.get(one)?.[key].median, results.get(otherWork)?.get(other)?.[key].median]
    return mine === undefined || theirs === undefined ? undefined : mine / theirs
  }
}

const requests = '1 KB, 64 connections'
const single = '1 KB, 1 connection'
const bare = '@fastify/http-proxy'

/** What the gateway is to reach, logged in and with its log, as ratios of one run: of work done in a second of the contestant's CPU. */
export const targets: Target[] = [
  { name: `1 KB, to bare ${bare}`, of: ratio(requests, 'perCpuSecond', bare), atLeast: 1.35 },
  { name: '1 KB, to mod_auth_openidc', of: ratio(requests, 'perCpuSecond', 'mod_auth_openidc'), atLeast: 2.8 },
  { name: '1 KB, to express with iron-session', of: ratio(requests, 'perCpuSecond', 'express'), atLeast: 9 },
  { name: '1 KB, to bare nginx', of: ratio(requests, 'perCpuSecond', 'nginx'), atLeast: 0.24 },
  { name: '10,000 sessions, to one session', of: ratio('1 KB, 64 connections, 10,000 sessions', 'perCpuSecond', 'ours', 'ours', requests), atLeast: 0.85 },
  { name: `latency p50, to bare ${bare}`, of: ratio(single, 'p50', bare), atMost: 1 },
  { name: 'latency p99, to nginx', of: ratio(single, 'p99', 'nginx'), atMost: 2 },
  { name: '5 MB, to nginx', of: ratio('5 MB, 8 connections', 'perCpuSecond', 'nginx'), atLeast: 0.5 },
  { name: 'messages of 100 B, to nginx', of: ratio('messages of 100 B, 50 sockets', 'perCpuSecond', 'nginx'), atLeast: 0.5 },
  { name: `messages of 100 B, to ${bare}`, of: ratio('messages of 100 B, 50 sockets', 'perCpuSecond', bare), atLeast: 1.3 },
  { name: 'messages of 10 KB, to nginx', of: ratio('messages of 10 KB, 50 sockets', 'perCpuSecond', 'nginx'), atLeast: 0.5 },
  { name: `messages of 10 KB, to ${bare}`, of: ratio('messages of 10 KB, 50 sockets', 'perCpuSecond', bare), atLeast: 3.5 },
  { name: `messages of 1 MB, to ${bare}`, of: ratio('messages of 1 MB, 50 sockets', 'perCpuSecond', bare), atLeast: 1.5 }
]

/** Each target that could be measured, as a row of a table. */
export function judge (results: Results): string[] {
  return targets.flatMap(({ name, of, atLeast, atMost }) => {
    const figure = of(results)
    if (figure === undefined) return []
    const met = figure >= (atLeast ?? 0) && figure <= (atMost ?? Infinity)
    return [`| ${name} | ${atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`} | ${figure.toFixed(2)} | ${met ? 'yes' : 'no'} |`]
  })
}
