import type { Contestant, Running, Stage } from './contestant.js'
import { loadHttp } from './http-load.js'
import { freeCores, stop } from './processes.js'
import { bodies } from './upstream.js'

const connections = 64

/** Requests of 1 KB a second by one process, and by two with half of the connections each; they and the load share all cores. */
export async function measureScale (
  contestant: Contestant,
  stage: Stage,
  rounds: number,
  milliseconds: number
): Promise<{ one: number, two: number }> {
  const running = [await contestant.start({ ...stage, users: 1 }), await contestant.start({ ...stage, users: 1 })]
  async function ask (processes: Running[]): Promise<number> {
    const results = await Promise.all(processes.map(async ({ port, sessions: [session] }) => await loadHttp({
      port,
      connections: connections / processes.length,
      requests: [Buffer.from(`GET /api/1k HTTP/1.1\r\nHost: localhost:${port}\r\n${session}\r\n`)],
      body: bodies['/api/1k'] as Buffer,
      duration: { countedMs: milliseconds }
    })))
    return results.reduce((sum, { right, seconds }) => sum + right / seconds, 0)
  }
  const both = running.filter(it => typeof it !== 'string')
  const figures: { one: number[], two: number[] } = { one: [], two: [] }
  try {
    for (const { child } of both) freeCores(child?.pid as number)
    await ask(both)
    for (let round = 0; round < rounds; round++) {
      figures.one.push(await ask(both.slice(0, 1)))
      figures.two.push(await ask(both))
    }
  } finally {
    for (const { child } of both) if (child !== undefined) await stop(child)
  }
  const middle = (of: number[]) => of.sort((one, other) => one - other)[Math.floor(of.length / 2)] as number
  return { one: middle(figures.one), two: middle(figures.two) }
}
