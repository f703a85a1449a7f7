import { readFile } from 'node:fs/promises'
import type { Contestant } from './contestant.js'
import { startBrowser, startDashboardTenant, type Browser, type Span } from './dashboard.js'
import { startDelay } from './delay.js'
import { middleOf, noisySpread } from './measure.js'
import { accessToken } from './provider.js'
import { onStage } from './stage.js'

export interface LatencyPlan {
  contestants: Contestant[]
  /** Round-trip times to the tenant. */
  roundTripsMs: number[]
  /** How often all contestants are restarted; twice as often if the warm loads are noisy. */
  starts: number
  /** The number of warm loads after each start. */
  loads: number
  /** The idle time before the last load. 0 leaves that load out. */
  pauseMs: number
  print: (line: string) => void
}

/** What a person waits for, in ms. */
interface Wait {
  get: number
  /** The last of eight simultaneous requests. */
  eight: number
  /** A socket's first frame. */
  socket: number
  firstFrame: number
  lastFrame: number
}

type State = 'cold' | 'warm' | 'paused'
/** The waits by contestant and state, and the last warm load. */
interface Waits { states: Record<State, Wait[]>, spans: Span[] }

/** The waits at one distance, by contestant. */
export type LatencyResults = Map<string, { middle: Partial<Record<State, Wait>>, spans: Span[] }>

/** Loads a dashboard through each contestant in front of a tenant far away, and prints what a person waits for. */
export async function runLatency (plan: LatencyPlan): Promise<Map<number, LatencyResults>> {
  const { contestants, roundTripsMs, starts, loads, pauseMs, print } = plan
  const results = new Map<number, LatencyResults>()
  for (const roundTripMs of roundTripsMs) {
    const waits = new Map<string, Waits>()
    for (let start = 1; start <= starts || (start <= 2 * starts && noisyOf(waits).length > 0); start++) {
      await measureStart(roundTripMs, waits, start === starts ? pauseMs : 0)
    }
    const middles = new Map([...waits].map(([name, { states, spans }]) => [name, { middle: middlesOf(states), spans }]))
    results.set(roundTripMs, middles)
    for (const line of tablesOf(roundTripMs, middles)) print(line)
    if (noisyOf(waits).length > 0) print(`\nNoisy: the warm loads of ${noisyOf(waits).join(', ')} differ much.`)
  }
  return results

  async function measureStart (roundTripMs: number, waits: Map<string, Waits>, pause: number): Promise<void> {
    const tenant = await startDashboardTenant()
    const way = await startDelay(tenant.tlsPort, roundTripMs)
    const far = {
      port: way.port,
      tlsPort: way.port,
      cert: tenant.cert,
      close () {
        way.close()
        tenant.close()
      }
    }
    await onStage(far, { tls: true }, async (stage, start) => {
      const ca = await readFile(stage.caFile, 'utf8')
      const running = await start(contestants, 1)
      const browsers = new Map([...running].map(([name, { port, sessions: [session = ''] }]) => [name, name === 'direct'
        ? startBrowser(stage.tenant.origin, { authorization: `Bearer ${accessToken}` }, ca)
        : startBrowser(`http://localhost:${port}`, { cookie: session.replace(/^Cookie: /, '').trim() }, ca)]))
      const everybody = async (state: State) => {
        for (const [name, browser] of browsers) {
          const known = waits.get(name) ?? { states: { cold: [], warm: [], paused: [] }, spans: [] }
          waits.set(name, known)
          const { wait, spans } = await measureWait(browser)
          known.states[state].push(wait)
          if (state === 'warm') known.spans = spans
        }
      }
      await everybody('cold')
      for (let load = 0; load < loads; load++) await everybody('warm')
      if (pause > 0) {
        await new Promise(resolve => setTimeout(resolve, pause))
        await everybody('paused')
      }
      for (const browser of browsers.values()) browser.close()
    }, print)
  }
}

/** One load of the dashboard, with the other requests after it: the load must come first after a pause. */
async function measureWait (browser: Browser): Promise<{ wait: Wait, spans: Span[] }> {
  const path = '/api/v1/spaces?limit=100'
  const spans = await browser.load()
  const took = async (act: () => Promise<Span>) => {
    const { from, to } = await act()
    return to - from
  }
  const { from, first } = await browser.converse('/app/sales', [])
  const eight = await Promise.all(Array.from({ length: 8 }, async () => await took(async () => await browser.get(path))))
  const get = await took(async () => await browser.get(path))
  const sockets = spans.filter(({ what }) => what.startsWith('socket'))
  return {
    spans,
    wait: {
      get,
      eight: Math.max(...eight),
      socket: first - from,
      firstFrame: Math.min(...sockets.map(span => span.first)),
      lastFrame: Math.max(...sockets.map(span => span.to))
    }
  }
}

/** The contestants whose warm loads vary too much. */
function noisyOf (waits: Map<string, Waits>): string[] {
  return [...waits].filter(([, { states }]) => middleOf(states.warm.map(wait => wait.lastFrame)).spread > noisySpread).map(([name]) => name)
}

function middlesOf (states: Record<State, Wait[]>): Partial<Record<State, Wait>> {
  return Object.fromEntries(Object.entries(states).filter(([, waits]) => waits.length > 0).map(([state, waits]) => {
    const of = (key: keyof Wait) => middleOf(waits.map(wait => wait[key])).median
    return [state, { get: of('get'), eight: of('eight'), socket: of('socket'), firstFrame: of('firstFrame'), lastFrame: of('lastFrame') }]
  }))
}

const titles: Record<State, string> = { cold: 'first load after the start', warm: 'warm', paused: 'after a pause' }

function tablesOf (roundTripMs: number, results: LatencyResults): string[] {
  const rows = (Object.keys(titles) as State[]).flatMap(state => [...results].flatMap(([name, { middle }]) => {
    const wait = middle[state]
    if (wait === undefined) return []
    const cells = [wait.get, wait.eight, wait.socket, wait.firstFrame, wait.lastFrame].map(ms => ms.toFixed(0))
    return [`| ${[titles[state], name, ...cells].join(' | ')} |`]
  }))
  return [
    `\n**Tenant ${roundTripMs} ms away, there and back** (ms)\n`,
    '| state | contestant | one GET | last of eight GETs | first frame of a socket | dashboard: first frame | dashboard: last frame |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
    '\n| target | wanted | measured | met |\n| --- | --- | --- | --- |',
    ...judgeLatency(roundTripMs, results)
  ]
}

/** Each target that could be measured, as a row of a table. */
export function judgeLatency (roundTripMs: number, results: LatencyResults): string[] {
  const ours = results.get('ours')?.middle
  return (['warm', 'paused'] as const).flatMap(state => {
    const wait = ours?.[state]
    if (wait === undefined) return []
    const row = (name: string, figure: number, atMost: number) =>
      `| ${name}, ${titles[state]} | at most ${atMost} | ${figure.toFixed(2)} | ${figure <= atMost ? 'yes' : 'no'} |`
    const toOthers = [...results].flatMap(([name, { middle }]) => {
      const other = middle[state]
      if (name === 'ours' || other === undefined) return []
      return [row(`dashboard, to ${name}`, wait.lastFrame / other.lastFrame, name === 'direct' ? 1.1 : 1)]
    })
    return [
      row('first frame of a socket, in round trips', wait.socket / roundTripMs, 1.2),
      row('last of eight GETs, in round trips', wait.eight / roundTripMs, 1.2),
      ...toOthers
    ]
  })
}
