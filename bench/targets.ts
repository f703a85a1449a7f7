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
const many = '1 KB, 256 connections'
const single = '1 KB, 1 connection'
const bare = '@fastify/http-proxy'
const work = 'perCpuSecond'

/** What the gateway is to reach, logged in and with its log, as ratios of one run: of work done in a second of the contestant's CPU. */
export const targets: Target[] = [
  { name: `1 KB, to bare ${bare}`, of: ratio(requests, work, bare), atLeast: 1.3 },
  { name: '1 KB, to bare nginx', of: ratio(requests, work, 'nginx'), atLeast: 0.33 },
  { name: '1 KB, to Envoy', of: ratio(requests, work, 'Envoy'), atLeast: 1.3 },
  { name: '1 KB, to oauth2-proxy', of: ratio(requests, work, 'oauth2-proxy'), atLeast: 3.5 },
  { name: '1 KB, to mod_auth_openidc', of: ratio(requests, work, 'mod_auth_openidc'), atLeast: 3.5 },
  { name: '1 KB, to the naive combination', of: ratio(requests, work, 'naive'), atLeast: 1.8 },
  { name: '1 KB over 256 connections, to Envoy', of: ratio(many, work, 'Envoy'), atLeast: 1 },
  { name: '1 KB with proofs, to 1 KB with a cookie', of: ratio(requests, work, 'ours', 'ours without cookies'), atLeast: 0.3 },
  {
    name: 'messages of 100 B in view mode, to all that the engine allows',
    of: ratio('messages of 100 B, 50 sockets', work, 'ours', 'ours in view mode'),
    atLeast: 0.85
  },
  {
    name: 'messages of 10 KB in view mode, to all that the engine allows',
    of: ratio('messages of 10 KB, 50 sockets', work, 'ours', 'ours in view mode'),
    atLeast: 0.85
  },
  {
    name: '10,000 sessions, to one session',
    of: ratio('1 KB, 64 connections, 10,000 sessions', work, 'ours', 'ours', requests),
    atLeast: 0.85
  },
  { name: 'latency p99, to nginx', of: ratio(single, 'p99', 'nginx'), atMost: 1 },
  { name: '100 KB of JSON, to Envoy', of: ratio('100 KB, 64 connections', work, 'Envoy'), atLeast: 0.7 },
  { name: `100 KB of JSON, to bare ${bare}`, of: ratio('100 KB, 64 connections', work, bare), atLeast: 1 },
  { name: '5 MB, to nginx', of: ratio('5 MB, 8 connections', work, 'nginx'), atLeast: 0.7 },
  { name: `5 MB, to bare ${bare}`, of: ratio('5 MB, 8 connections', work, bare), atLeast: 1 },
  { name: 'a script of 7 MB, to nginx', of: ratio('a script of 7 MB, 8 connections', work, 'nginx'), atLeast: 0.7 },
  {
    name: 'messages of 100 B over 500 sockets, to oauth2-proxy',
    of: ratio('messages of 100 B, 500 sockets', work, 'oauth2-proxy'),
    atLeast: 1
  },
  { name: 'messages of 100 B over 50 sockets, to nginx', of: ratio('messages of 100 B, 50 sockets', work, 'nginx'), atLeast: 0.5 },
  { name: 'messages of 10 KB over 50 sockets, to nginx', of: ratio('messages of 10 KB, 50 sockets', work, 'nginx'), atLeast: 0.5 }
]

/** Each target that could be measured, as a row of a table. */
export function judge (results: Results): string[] {
  return targets.flatMap(({ name, of, atLeast, atMost }) => {
    const figure = of(results)
    if (figure === undefined) return []
    const met = figure >= (atLeast ?? 0) && figure <= (atMost ?? Infinity)
    return [
      `| ${name} | ${atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`} | ${figure.toFixed(2)} | ${met ? 'yes' : 'no'} |`
    ]
  })
}
