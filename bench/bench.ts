import { parseArgs } from 'node:util'
import { contestants } from './contestants.js'
import { pinThisProcess } from './processes.js'
import { runBench } from './run.js'
import { works } from './work.js'

const usage = `npm run bench -- [options]

Measures the gateway against its peers and prints ratios; docs/performance.md explains the tables.

  --quick              the short form, some minutes
  --plain              a tenant without TLS, for comparison
  --work <text>        only work whose name holds this
  --only <a,b>         only these contestants
  --rounds <n>         rounds that count; 5, unless given
  --milliseconds <n>   length of a round; 1000, or 150 in the short form, unless given
  --profile <folder>   writes CPU profiles of the gateway there
`

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    plain: { type: 'boolean', default: false },
    work: { type: 'string', default: '' },
    only: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    milliseconds: { type: 'string' },
    profile: { type: 'string' }
  }
})

if (values.help) {
  process.stdout.write(usage)
} else {
  const [rounds, milliseconds] = [values.rounds, values.milliseconds ?? (values.quick ? '150' : '1000')].map(Number) as [number, number]
  if (!(rounds >= 1 && milliseconds >= 1)) throw new Error('--rounds and --milliseconds are whole numbers from 1 on.')
  const missing = pinThisProcess()
  if (missing !== undefined) console.log(`The figures mean less here: ${missing}.`)
  const names = values.only?.split(',')
  await runBench({
    contestants: contestants.filter(({ name }) => names?.includes(name) ?? true),
    works: works.filter(work => (work.quick || !values.quick) && work.name.includes(values.work)),
    tls: !values.plain,
    rounds,
    milliseconds,
    warmUpMilliseconds: values.quick ? 400 : 2_500,
    idleSockets: values.work !== '' ? 0 : values.quick ? 1_000 : 5_000,
    profileFolder: values.profile,
    print: console.log
  })
}
