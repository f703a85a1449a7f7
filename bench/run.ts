import type { Contestant, Running } from './contestant.js'
import { measure, noisySpread, summarize, type Round, type Summary } from './measure.js'
import { measureMemory, measureStart } from './resources.js'
import { measureScale } from './scale.js'
import { measureTenants } from './tenants.js'
import { onStage } from './stage.js'
import { judge, type Results } from './targets.js'
import { startUpstream } from './upstream.js'
import type { Work } from './work.js'

export interface Plan {
  contestants: Contestant[]
  works: Work[]
  /** Whether the tenant speaks TLS, as tenants do. */
  tls: boolean
  /** Rounds that count, after some that warm up. */
  rounds: number
  /** How many processes of each contestant take turns. */
  processes: number
  milliseconds: number
  /** How many idle WebSockets the memory is measured with; 0 leaves memory and start out. */
  idleSockets: number
  profileFolder?: string | undefined
  print: (line: string) => void
}

/** How often noisy work is measured again, at most. */
const mostRepeats = 1

/**
 * Runs a plan and prints its tables in Markdown. The contestants take turns in each round, so that a slow minute
 * affects all of them. Each round has other processes than the one before: two of the same program can differ by more
 * than two programs do.
 */
export async function runBench (plan: Plan): Promise<Results> {
  const { contestants, works, tls, rounds, processes, milliseconds, idleSockets, profileFolder, print } = plan
  const results: Results = new Map()

  async function compete (work: Work, all: readonly Map<string, Running>[]): Promise<void> {
    // The users have signed in at the first processes only.
    const casts = (work.users > 1 ? all.slice(0, 1) : all).map(cast => [...cast].filter(([name]) => takesPart(name, work)))
    // The code that all works use is compiled during the first one. Programs of Node need seconds for that.
    const warmUp = (results.size === 0 ? 10 : 2) * milliseconds
    for (const cast of casts) for (const [, it] of cast) await work.run(it, { countedMs: warmUp })
    let summaries = await takeTurns(work, casts)
    for (let repeat = 0; repeat < mostRepeats && noisyOf(summaries).length > 0; repeat++) {
      print(`\n${work.name} was noisy (${noisyOf(summaries).join(', ')}): measured again.`)
      const again = await takeTurns(work, casts)
      if (noisyOf(again).length <= noisyOf(summaries).length) summaries = again
    }
    results.set(work.name, summaries)
    print(`\n**${work.name}**\n`)
    print(`| contestant | ${work.unit}/s | per CPU second | spread | busy | p50 ms | p99 ms |`)
    print('| --- | --- | --- | --- | --- | --- | --- |')
    for (const [name, { perSecond, perCpuSecond, busy, p50, p99 }] of summaries) {
      const spread = `${percent(perCpuSecond.spread)}${perCpuSecond.spread > noisySpread ? ' (noisy)' : ''}`
      const [ofCpu, spreads, share] = busy.median === 0 ? ['', '', ''] : [perCpuSecond.median.toFixed(0), spread, percent(busy.median)]
      const cells = [name, perSecond.median.toFixed(0), ofCpu, spreads, share, p50.median.toFixed(2), p99.median.toFixed(2)]
      print(`| ${cells.join(' | ')} |`)
    }
  }

  async function takeTurns (work: Work, casts: readonly [string, Running][][]): Promise<Map<string, Summary>> {
    const figures = new Map<string, Round[]>(casts[0]?.map(([name]) => [name, []]))
    for (let round = 0; round < rounds; round++) {
      for (const [name, it] of casts[round % casts.length] ?? []) figures.get(name)?.push(await measure(work, name, it, milliseconds))
    }
    return new Map([...figures].map(([name, its]) => [name, summarize(its)]))
  }

  const find = (name: string) => contestants.find(contestant => contestant.name === name)
  const takesPart = (name: string, work: Work) =>
    (work.sockets !== true || find(name)?.sockets === true) &&
    (work.only?.includes(name) ?? true) &&
    (find(name)?.works?.includes(work.name) ?? true)
  const users = Math.max(1, ...works.map(work => work.users))
  return await onStage(await startUpstream(), { tls, profileFolder }, async (stage, start) => {
    const running = [await start(contestants, users)]
    while (running.length < processes) running.push(await start(contestants, 1))
    for (const work of works) await compete(work, running)
    print(`\n**Targets**\n\n| target | wanted | measured | met |\n| --- | --- | --- | --- |\n${judge(results).join('\n')}`)
    const ours = contestants.find(({ name }) => name === 'ours')
    if (idleSockets > 0 && ours !== undefined) {
      const { startedMb, thousandSessionsMb, perSocketKb, downloadMb, uploadMb } = await measureMemory(ours, stage, idleSockets)
      print(row('MB of memory after the start', startedMb))
      print(row('MB of memory for each 1,000 sessions', thousandSessionsMb))
      print(row('kB of memory for each idle WebSocket', perSocketKb, 25))
      print(row('MB that a download of 100 MB adds', downloadMb, 20))
      print(row('MB that an upload of 100 MB adds', uploadMb, 20))
      for (const { name, atMost } of starts) {
        const contestant = contestants.find(other => other.name === name && running[0]?.has(name))
        if (contestant === undefined) continue
        print(row(`ms from start to first answer, ${name}`, await measureStart(contestant, stage, rounds), atMost))
      }
      const { laterMs, perTenantKb } = await measureTenants(stage, manyTenants, rounds)
      print(row(`ms by which a start with ${manyTenants} tenants takes longer`, laterMs, 1_000))
      print(row('kB of memory for each tenant that nobody uses', perTenantKb, 100))
      const { one, two } = await measureScale(ours, stage, rounds, milliseconds)
      const pair = `${two.toFixed(0)} requests of 1 KB a second, ${(two / one).toFixed(2)} of one process`
      print(`\nTwo processes that share two cores with the load: ${pair}.`)
    }
    return results
  }, print)
}

const manyTenants = 500
const starts = [{ name: 'ours', atMost: 600 }, { name: 'ours on Node 24', atMost: 400 }]

/** The contestants whose rounds vary too much. */
function noisyOf (summaries: Map<string, Summary>): string[] {
  return [...summaries].filter(([, { perCpuSecond }]) => perCpuSecond.spread > noisySpread).map(([name]) => name)
}

function row (name: string, figure: number, atMost?: number): string {
  const [wanted, met] = atMost === undefined ? ['', ''] : [`at most ${atMost}`, figure <= atMost ? 'yes' : 'no']
  return `| ${name} | ${wanted} | ${figure.toFixed(0)} | ${met} |`
}

function percent (share: number): string {
  return `${(share * 100).toFixed(0)} %`
}
