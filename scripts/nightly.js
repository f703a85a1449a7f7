// npm run nightly: what takes too long for every change, one part after the other; at the end a table, and the tests that failed in any
// part. Parts are named as arguments to run some of them alone: npm run nightly -- properties soak.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { meetRequirements } from './requirements.js'

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'))
const homes = mkdtempSync(join(tmpdir(), 'nightly-'))
const failedTests = join(homes, 'failed-tests')
const npm = ['npm', 'run', '--silent']

/** @type {(version: number) => () => boolean} */
const onNode = version => () => {
  const home = join(homes, String(version))
  return run(['npm', 'install', '--no-save', '--prefix', home, `node@${version}`]) &&
    run(['npm', 'test', '--', '--all'], { PATH: `${home}/node_modules/.bin${delimiter}${process.env.PATH}` })
}

/** @type {Record<string, () => boolean | undefined>} undefined: the part is not there. */
const parts = {
  properties: () => run(['npm', 'test', '--', '--all', '--timeout=3600'], { FC_RUNS: '10000', EXPIRIES: '20', REQUESTS: '100' }),
  'deployment, bench and browsers': () => meetRequirements({ nightly: true }) &&
    run(['sh', '-c', 'node scripts/test.js --timeout=1800 --jobs=1 test/nightly/*.ts']),
  wire: script('wire', { WIRE_SEQUENCES: '100000', WIRE_PROCESSES: String(availableParallelism()) }),
  soak: script('soak', { SOAK_MINUTES: '15' }),
  mutations: script('mutate'),
  'foreign clients': script('foreign'),
  'Node 22': onNode(22),
  'Node 24': onNode(24)
}

/** @type {(name: string, env?: NodeJS.ProcessEnv) => () => boolean | undefined} */
function script (name, env) {
  return () => scripts[name] === undefined ? undefined : run([...npm, name], env)
}

/** @type {(command: string[], env?: NodeJS.ProcessEnv) => boolean} */
function run ([program = '', ...words], env = {}) {
  return spawnSync(program, words, { stdio: 'inherit', env: { ...process.env, FAILED_TESTS: failedTests, ...env } }).status === 0
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter(name => !Object.hasOwn(parts, name))
if (unknown.length > 0) throw new Error(`There is no part ${unknown.join(', ')}: they are ${Object.keys(parts).join(', ')}.`)
/** @type {string[]} */
const failures = []
const rows = Object.entries(parts).filter(([name]) => wanted.length === 0 || wanted.includes(name)).map(([name, part]) => {
  const startedAt = Date.now()
  console.log(`\n== ${name}`)
  writeFileSync(failedTests, '')
  const passed = part()
  failures.push(...readFileSync(failedTests, 'utf8').trim().split('\n').filter(Boolean).map(title => `${name}: not ok: ${title}`))
  return {
    part: name,
    result: passed === undefined ? 'MISSING' : passed ? 'passed' : 'FAILED',
    minutes: Number(((Date.now() - startedAt) / 60_000).toFixed(1))
  }
})
console.table(rows)
for (const line of failures) console.log(line)
rmSync(homes, { recursive: true, force: true })
if (rows.some(({ result }) => result !== 'passed')) process.exitCode = 1
