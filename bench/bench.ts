import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { contestants } from './contestants.js'
import { measureFirstBar } from './first-bar.js'
import { runLatency } from './latency.js'
import { plotDashboards, plotThroughput } from './plots.js'
import { pinThisProcess } from './processes.js'
import { runBench } from './run.js'
import { works } from './work.js'

const usage = `npm run bench -- [options]

Measures the gateway against its peers and prints ratios; docs/performance.md explains the tables.

  --quick              the short form, some minutes
  --plain              a tenant without TLS, for comparison
  --latency            what a person waits for: a dashboard of a tenant that is far away, instead of throughput
  --work <text>        only work whose name holds this
  --only <a,b>         only these contestants
  --rounds <n>         rounds that count; 6, unless given
  --processes <n>      processes of each contestant, which take turns by rounds; 3, or 1 in the short form, unless given
  --milliseconds <n>   length of a round; 1000, or 150 in the short form, unless given
  --plots <folder>     writes the figures there as SVG: throughput.svg, or dashboard.svg with --latency
  --profile <folder>   writes CPU profiles of the gateway there
`

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    latency: { type: 'boolean', default: false },
    plain: { type: 'boolean', default: false },
    work: { type: 'string', default: '' },
    only: { type: 'string' },
    rounds: { type: 'string', default: '6' },
    processes: { type: 'string' },
    milliseconds: { type: 'string' },
    plots: { type: 'string' },
    profile: { type: 'string' }
  }
})

// An interrupted run leaves no contestants behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { process.exit(1) })

const faraway = ['direct', 'nginx', 'Envoy', '@fastify/http-proxy', 'oauth2-proxy', 'ours']

if (values.help) {
  process.stdout.write(usage)
} else {
  const [rounds, processes, milliseconds] = [
    values.rounds, values.processes ?? (values.quick ? '1' : '3'), values.milliseconds ?? (values.quick ? '150' : '1000')
  ].map(Number) as [number, number, number]
  if (!(rounds >= 1 && processes >= 1 && milliseconds >= 1)) {
    throw new Error('--rounds, --processes and --milliseconds are whole numbers from 1 on.')
  }
  const missing = pinThisProcess()
  if (missing !== undefined) console.log(`The figures mean less here: ${missing}.`)
  const names = values.only?.split(',') ?? (values.latency ? faraway : undefined)
  const taking = contestants.filter(({ name }) => names?.includes(name) ?? true)
  const plot = async (file: string, image: string) => { if (values.plots !== undefined) await writeFile(join(values.plots, file), image) }
  if (values.latency) {
    const [near, far] = [40, 150] as const
    const [starts, loads, pauseMs] = values.quick ? [1, 3, 0] : [3, 7, 65_000]
    const results = await runLatency({ contestants: taking, roundTripsMs: [near, far], starts, loads, pauseMs, print: console.log })
    await measureFirstBar({ roundTripsMs: [near, far], loads, print: console.log })
    await plot('dashboard.svg', plotDashboards(new Map([...results.get(near) ?? []].map(([name, { spans }]) => [name, spans]))))
  } else {
    const results = await runBench({
      contestants: taking,
      works: works.filter(work => (work.quick || !values.quick) && work.name.includes(values.work)),
      tls: !values.plain,
      rounds,
      processes,
      milliseconds,
      idleSockets: values.work !== '' ? 0 : values.quick ? 1_000 : 5_000,
      profileFolder: values.profile,
      print: console.log
    })
    await plot('throughput.svg', plotThroughput(results))
  }
}
