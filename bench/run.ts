import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Contestant, Running } from './contestants.js'
import { measure, summarize, type Round } from './measure.js'
import { stop } from './processes.js'
import { measureMemory, measureStart } from './resources.js'
import { measureScale } from './scale.js'
import { judge, type Results } from './targets.js'
import { startUpstream } from './upstream.js'
import type { Work } from './work.js'

export interface Plan {
  contestants: Contestant[]
  works: Work[]
  /** Rounds that count; one more warms up. */
  rounds: number
  milliseconds: number
  warmUpMilliseconds: number
  /** How many idle WebSockets the memory is measured with; 0 leaves memory and start out. */
  idleSockets: number
  profileFolder?: string | undefined
  print: (line: string) => void
}

/** Runs a plan and prints its tables in Markdown: the contestants take turns in each round, so that a slow minute is everybody's. */
export async function runBench ({ contestants, works, rounds, milliseconds, warmUpMilliseconds, idleSockets, profileFolder, print }: Plan): Promise<Results> {
  const upstream = await startUpstream()
  const folder = await mkdtemp(join(tmpdir(), 'gateway-bench-'))
  // Apache's worker is another user.
  await chmod(folder, 0o755)
  const users = Math.max(1, ...works.map(work => work.users))
  const stage = { upstream, folder, users, profileFolder }
  const running = new Map<Contestant, Running>()
  const results: Results = new Map()

  async function compete (work: Work): Promise<void> {
    const taking = [...running].filter(([{ name, sockets }]) => (sockets || !work.sockets) && (work.only?.includes(name) ?? true))
    const figures = new Map<string, Round[]>(taking.map(([{ name }]) => [name, []]))
    // What all works have in common is compiled in the first.
    const warmUp = results.size === 0 ? 4 * warmUpMilliseconds : warmUpMilliseconds
    for (const [{ name }, it] of taking) await measure(work, name, it, warmUp)
    for (let round = 0; round < rounds; round++) {
      for (const [{ name }, it] of taking) figures.get(name)?.push(await measure(work, name, it, milliseconds))
    }
    print(`\n**${work.name}**\n\n| contestant | ${work.unit}/s | per CPU second | spread | busy | p50 ms | p99 ms |\n| --- | --- | --- | --- | --- | --- | --- |`)
    results.set(work.name, new Map([...figures].map(([name, its]) => {
      const summary = summarize(its)
      const { perSecond, perCpuSecond, busy, p50, p99 } = summary
      const [ofCpu, spread, share] = busy.median === 0 ? ['', '', ''] : [perCpuSecond.median.toFixed(0), `${percent(perCpuSecond.spread)}`, percent(busy.median)]
      print(`| ${name} | ${perSecond.median.toFixed(0)} | ${ofCpu} | ${spread} | ${share} | ${p50.median.toFixed(2)} | ${p99.median.toFixed(2)} |`)
      return [name, summary]
    })))
  }

  try {
    for (const contestant of contestants) {
      const started = await contestant.start(stage)
      if (typeof started === 'string') print(`${contestant.name} is left out: ${started}`)
      else running.set(contestant, started)
    }
    for (const work of works) await compete(work)
    print(`\n**Targets**\n\n| target | wanted | measured | met |\n| --- | --- | --- | --- |\n${judge(results).join('\n')}`)
    const ours = contestants.find(({ name }) => name === 'ours')
    if (idleSockets > 0 && ours !== undefined) {
      const { perSocketKb, downloadMb, uploadMb } = await measureMemory(ours, stage, idleSockets)
      print(row('kB of memory for each idle WebSocket', perSocketKb, 25))
      print(row('MB that a download of 100 MB adds', downloadMb, 20))
      print(row('MB that an upload of 100 MB adds', uploadMb, 20))
      print(row('ms from start to first answer', await measureStart(ours, stage, rounds), 600))
      const { one, two } = await measureScale(ours, stage, rounds, milliseconds)
      print(`\nTwo processes that share two cores with the load: ${two.toFixed(0)} requests of 1 KB a second, ${(two / one).toFixed(2)} of one process.`)
    }
    return results
  } finally {
    for (const { child } of running.values()) if (child !== undefined) await stop(child)
    upstream.close()
    await rm(folder, { recursive: true, force: true })
  }
}

function row (name: string, figure: number, atMost: number): string {
  return `| ${name} | at most ${atMost} | ${figure.toFixed(0)} | ${figure <= atMost ? 'yes' : 'no'} |`
}

function percent (share: number): string {
  return `${(share * 100).toFixed(0)} %`
}
