// npm test: lint, types, builds, and the gateway's tests. npm test -- --all: the tests that it leaves out too, as CI does.
// npm test -- test/session test/cli.test.ts: the tests of these folders and files alone, without coverage. Other options
// go to tap. The titles of failed tests are added to the file that FAILED_TESTS names.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { meetRequirements } from './requirements.js'
import { runSideBySide } from './side-by-side.js'

const compiled = 'build/suite'
const record = resolve('build/record')
/** How many programs run at a time, and the seconds that one may take that says nothing else. */
const { jobs, timeout } = JSON.parse(readFileSync('package.json', 'utf8')).tap
// The longest begin first, so that no program has much to do when the others have ended.
const longest = [
  'browser/cross-site', 'browser/demo', 'browser/tabs', 'cli', 'replicas/redis-master', 'forward/ends', 'operate/audit',
  'deploy/dockerfile', 'replicas/redis', 'replicas', 'commands/doctor', 'wire/wire', 'operate/rolling-restart',
  'replicas/shared-users', 'admission/continue', 'settings/mentions', 'security/tabs', 'operate/log-stream',
  'replicas/shared-turns', 'security/bodies', 'security/limits', 'tenants/outbound-proxy'
].map(name => `test/${name}.test.ts`)

/**
 * Whether `npm test` leaves a file to `npm test -- --all`: the tests of the sandbox, and in browsers all but the main job.
 * They take as long as everything else.
 * @type {(file: string) => boolean}
 */
const isForAll = file => file.startsWith('sandbox/') || (file.startsWith('test/browser/') && file !== 'test/browser/demo.test.ts')

/**
 * Whether tests count for coverage. It is asked of what ships, so those of the sandbox do not; those in browsers hold what they hold beside
 * coverage, and measuring the many processes that they start would take long.
 * @type {(file: string) => boolean}
 */
const isMeasured = file => !isForAll(file) && !file.startsWith('test/browser/')

const paths = process.argv.slice(2).filter(word => !word.startsWith('--'))
const all = process.argv.includes('--all')
const options = process.argv.slice(2).filter(word => word.startsWith('--') && word !== '--all')
/** How long the tests of a file may take, on a busy machine too: ten minutes, or as long as --timeout allows one test. */
const fileMs = 1000 * Math.max(600, Number(/--timeout=(\d+)/.exec(options.join(' '))?.[1] ?? 0))
let passed = 0
let failed = 0
/** @typedef {{ depth: number, titles: string[], details: string }} Failure */
/** @type {Failure[]} */
const failures = []

/** @type {(path: string) => string[]} */
function findTests (path) {
  const given = relative('.', path)
  if (!statSync(given).isDirectory()) return [given]
  return readdirSync(given, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.test.ts')).map(file => `${given}/${file}`)
}

/** @type {(file: string) => string} */
const compiledFrom = file => `${compiled}/${file.replace(/\.ts$/, '.js')}`

/**
 * Programs that run these files. Loading a gateway and a tenant takes longer than most tests, so there are few, and each takes the next
 * file when it is done with one.
 * @type {(name: string, files: string[]) => string[]}
 */
function share (name, files) {
  const queue = resolve(compiled, name)
  rmSync(queue, { recursive: true, force: true })
  mkdirSync(queue)
  const order = new Set([...longest.filter(file => files.includes(file)), ...files])
  const addresses = Object.fromEntries([...order].map(file => [file, pathToFileURL(compiledFrom(file)).href]))
  const words = [queue, addresses, fileMs].map(word => JSON.stringify(word)).join(', ')
  return files.slice(0, jobs).map((_, at) => {
    const program = `${queue}-${at + 1}.js`
    writeFileSync(program, `import { runQueue } from './test/helpers/queue.js'\nawait runQueue(${words})\n`)
    return program
  })
}

/**
 * The failed assertions of a TAP document: each with the titles that lead to it, and what is known of it.
 * @type {(tap: string) => Failure[]}
 */
function findFailures (tap) {
  /** @type {Failure[]} */
  let found = []
  const failure =
    /^(?<indent> *)not ok \d+ - (?<title>.*?)(?: # time=.*)?\n(?:\k<indent> {2}---\n(?<details>[^]*?)\n\k<indent> {2}\.\.\.)?/gm
  for (const { groups } of tap.matchAll(failure)) {
    const { indent = '', title = '', details = '' } = groups ?? {}
    // A test ends after its assertions: failures that are deeper than it belong to it.
    const inner = found.filter(({ depth }) => depth > indent.length)
    const outer = found.filter(({ depth }) => depth <= indent.length)
    found = [...outer, ...inner.length === 0
      ? [{ depth: indent.length, titles: [title], details: details.replaceAll(`\n${indent}`, '\n').slice(indent.length) }]
      : inner.map(({ titles, details }) => ({ depth: indent.length, titles: [title, ...titles], details }))]
  }
  return found
}

/** @type {(name: string) => string} */
const outputOf = name => `build/${name}.tap`

/**
 * Runs compiled tests, which need no loader; coverage is traced back to the sources.
 * @type {(name: string, programs: string[], ...more: string[]) => Promise<void>}
 */
async function runTap (name, programs, ...more) {
  const output = outputOf(name)
  rmSync(output, { force: true })
  const run = spawn('npx', [
    'tap', 'run', '--test-env=TAP_TYPE_STRIP_ONLY=1', `--reporter=${process.stdout.isTTY ? 'base' : 'terse'}`, `--output-file=${output}`,
    // Node's mock timers are experimental in Node 20.
    '--node-arg=--disable-warning=ExperimentalWarning',
    // Some lines are there for faults of Node 20 alone.
    ...process.version.startsWith('v20.') ? [] : ['--allow-incomplete-coverage'], ...more, ...options, ...programs
  ], {
    stdio: 'inherit',
    // Where nobody watches, CI keeps the reporter from drawing each state of its progress.
    env: { ...process.env, RUN_RECORD: record, ...process.stdout.isTTY ? {} : { CI: '1' } }
  })
  await collect(name, run)
}

/**
 * Runs one compiled file of tests without a runner.
 * @type {(name: string, program: string) => Promise<void>}
 */
async function runAlone (name, program) {
  const output = openSync(outputOf(name), 'w')
  const run = spawn(process.execPath, ['--enable-source-maps', program], {
    stdio: ['ignore', output, 'inherit'],
    env: { ...process.env, RUN_RECORD: record, TAP_TIMEOUT: String(timeout) }
  })
  await collect(name, run)
}

/** @type {(name: string, run: import('node:child_process').ChildProcess) => Promise<void>} */
async function collect (name, run) {
  const [status] = await once(run, 'close')
  const tap = readFileSync(outputOf(name), 'utf8')
  failures.push(...findFailures(tap))
  const summary = /^# \{ total: \d+(?:, pass: (?<pass>\d+))?(?:, fail: (?<fail>\d+))?/m.exec(tap)?.groups ?? {}
  passed += Number(summary.pass ?? 0)
  // A run can fail without a failed assertion: too little is covered, or a file ended before its time.
  failed += Math.max(Number(summary.fail ?? 0), status === 0 ? 0 : 1)
}

/** @type {(names: string[]) => Promise<void>} */
async function runScripts (names) {
  const broken = await runSideBySide(names)
  passed += names.length - broken.length
  failed += broken.length
}

const whole = paths.length === 0
if (whole && !meetRequirements()) process.exit(1)
await runScripts(['compile', 'build', 'build:sandbox'])
if (failed === 0) {
  rmSync(record, { recursive: true, force: true })
  mkdirSync(record, { recursive: true })
  if (whole) {
    // Once, and not by each of the tests that begin together.
    const { bundleRuntime } = await import('../build/sandbox/runtime/bundle.js')
    await bundleRuntime()
    const files = ['test', 'sandbox/test'].flatMap(findTests).filter(file => all || !isForAll(file))
    // Tests also wait, so there is time for the linters beside them.
    const measured = share('measured', files.filter(isMeasured))
    const unmeasured = share('unmeasured', files.filter(file => !isMeasured(file)))
    // In turns: tests in browsers compute most, and others wait beside them.
    const programs = measured.flatMap((program, at) => [...unmeasured.slice(at, at + 1), program])
    await Promise.all([runScripts(['lint', 'types']), runTap('suite', programs)])
    await runAlone('record', compiledFrom('test/security/whole-run.ts'))
  } else {
    await runTap('some', paths.flatMap(findTests).map(compiledFrom), '--disable-coverage')
  }
}
// What failed stands at the end, where it is looked for: a long run prints the files in the order of their ends.
for (const { titles, details } of failures) console.log(`\nnot ok: ${titles.join('\n  > ')}\n${details}`)
if (process.env.FAILED_TESTS !== undefined) {
  appendFileSync(process.env.FAILED_TESTS, failures.map(({ titles }) => `${titles.join(' > ')}\n`).join(''))
}
// On a line of its own, whatever a reporter left behind.
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
