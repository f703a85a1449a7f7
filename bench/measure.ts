import type { Running } from './contestant.js'
import { cpuSeconds } from './processes.js'
import type { Work } from './work.js'

/** One round of a contestant at one work. */
export interface Round {
  perSecond: number
  /** Per second of the contestant's CPU time, which does not depend on how busy the machine is. */
  perCpuSecond: number
  /** How much of its core the contestant used, from 0 to 1. Well below 1 the load or the upstream was the limit. */
  busy: number
  p50: number
  p99: number
}

/** Runs one round, after some time that does not count. Raises an error if an answer was wrong. */
export async function measure (work: Work, name: string, running: Running, milliseconds: number): Promise<Round> {
  const pid = running.child?.pid
  const used = () => pid === undefined ? 0 : cpuSeconds(pid)
  let before = used()
  const { right, wrong, seconds, latencies } = await work.run(running, {
    // While other contestants ran, this one released memory and compiled code, which it would not do under constant load.
    warmUpMs: milliseconds,
    countedMs: milliseconds,
    begin: () => { before = used() }
  })
  const cpu = used() - before
  if (wrong > 0 || right === 0) throw new Error(`${work.name}: ${wrong} wrong answers beside ${right} right ones of ${name}`)
  const sorted = latencies.sort((one, other) => one - other)
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] as number
  return { perSecond: right / seconds, perCpuSecond: cpu === 0 ? NaN : right / cpu, busy: cpu / seconds, p50: at(0.5), p99: at(0.99) }
}

/** The median of the rounds, and the width of their middle half relative to it. */
export type Summary = Record<keyof Round, Middle>
export interface Middle { median: number, spread: number }

export function summarize (rounds: readonly Round[]): Summary {
  const of = (key: keyof Round) => middleOf(rounds.map(round => round[key]))
  return { perSecond: of('perSecond'), perCpuSecond: of('perCpuSecond'), busy: of('busy'), p50: of('p50'), p99: of('p99') }
}

/** Results whose middle half is wider than this are noisy and are measured again. */
export const noisySpread = 0.15

export function middleOf (figures: readonly number[]): Middle {
  const sorted = [...figures].sort((one, other) => one - other)
  const at = (share: number) => {
    const place = (sorted.length - 1) * share
    const low = sorted[Math.floor(place)] as number
    return low + ((sorted[Math.ceil(place)] as number) - low) * (place % 1)
  }
  return { median: at(0.5), spread: (at(0.75) - at(0.25)) / at(0.5) }
}
