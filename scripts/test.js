// npm test: lint, types, builds, and the gateway's tests. npm test -- --all: the tests that it leaves out too, as CI does.
// npm test -- test/session test/cli.test.ts: the tests of these folders and files alone, without coverage. Other options
// go to tap.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, relative, resolve } from 'node:path'
import { meetRequirements } from './requirements.js'
import { runSideBySide } from './side-by-side.js'

const compiled = 'build/suite'
const record = resolve('build/record')
// Loading a gateway and a tenant takes longer than most tests, so one process runs the tests of several files and folders, one after the
// other. Those that take longest begin first.
const together = [
  ['test/browser/cross-site.test.ts', 'test/browser/demo.test.ts', 'test/browser/tabs.test.ts'],
  ['test/browser'],
  ['test/replicas', 'test/login'],
  ['test/tenants', 'test/credentials'],
  ['test/operate', 'test/commands'],
  ['test/admission', 'test/deploy', 'test/embed', 'test/policy', 'test/settings', 'test/wire', 'test/cli.test.ts'],
  ['sandbox/test'],
  ['test/security', 'test/replicas.test.ts', 'test/beside.test.ts'],
  // serve.test looks at what its process has loaded, so it is the first.
  ['test/serve.test.ts', 'test']
]

/**
 * Whether `npm test` leaves a file to `npm test -- --all`: the tests of the sandbox, and in browsers all but the main job.
 * They take as long as everything else.
 * @type {(file: string) => boolean}
 */
const isForAll = file => file.startsWith('sandbox/') || (file.startsWith('test/browser/') && file !== 'test/browser/demo.test.ts')

/** How long the tests of a file may take, on a busy machine too. */
const fileMs = 600_000
const paths = process.argv.slice(2).filter(word => !word.startsWith('--'))
const all = process.argv.includes('--all')
const options = process.argv.slice(2).filter(word => word.startsWith('--') && word !== '--all')
let passed = 0
let failed = 0
/** @type {string[]} */
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
 * The programs that run these tests.
 * @type {(files: string[]) => string[]}
 */
function gather (files) {
  let rest = files
  return together.flatMap(group => {
    const mine = new Set(group.flatMap(path => rest.filter(file => file === path || file.startsWith(`${path}/`))))
    if (mine.size === 0) return []
    rest = rest.filter(file => !mine.has(file))
    const [first = ''] = group
    const folder = `${compiled}/${first.endsWith('.ts') ? dirname(first) : first}`
    const program = `${folder}/${group.map(path => basename(path, '.test.ts')).join('+')}.js`
    // While a file is loaded no test of its runs: they follow, and the next file is loaded after them.
    const lines = [...mine].map(file =>
      `await t.test('${file}', { timeout: ${fileMs} }, async () => { await import('./${relative(folder, compiledFrom(file))}') })\n`)
    writeFileSync(program, `import t from 'tap'\nt.setTimeout(${mine.size * fileMs})\n${lines.join('')}`)
    return program
  })
}

/**
 * The failed assertions of a TAP document: each with the titles that lead to it, and what is known of it.
 * @type {(tap: string) => string[]}
 */
function findFailures (tap) {
  /** @type {{ depth: number, titles: string[], details: string }[]} */
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
  return found.map(({ titles, details }) => `${titles.join('\n  > ')}\n${details}`)
}

/**
 * Runs compiled tests, which need no loader; coverage is traced back to the sources.
 * @type {(name: string, programs: string[], ...more: string[]) => Promise<void>}
 */
async function runTap (name, programs, ...more) {
  const output = `build/${name}.tap`
  rmSync(output, { force: true })
  const run = spawn('npx', [
    'tap', 'run', '--test-env=TAP_TYPE_STRIP_ONLY=1', `--reporter=${process.stdout.isTTY ? 'base' : 'terse'}`, `--output-file=${output}`,
    ...more, ...options, ...programs
  ], {
    stdio: 'inherit',
    // Where nobody watches, CI keeps the reporter from drawing each state of its progress.
    env: { ...process.env, RUN_RECORD: record, ...process.stdout.isTTY ? {} : { CI: '1' } }
  })
  const [status] = await once(run, 'close')
  const tap = readFileSync(output, 'utf8')
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
    // Tests wait more than they compute, so there is time for the linters beside them.
    await Promise.all([runScripts(['lint', 'types']), runTap('suite', gather(files))])
    await runTap('record', [compiledFrom('test/security/whole-run.ts')], '--disable-coverage')
  } else {
    await runTap('some', paths.flatMap(findTests).map(compiledFrom), '--disable-coverage')
  }
}
// What failed stands at the end, where it is looked for: a long run prints the files in the order of their ends.
for (const failure of failures) console.log(`\nnot ok: ${failure}`)
// On a line of its own, whatever a reporter left behind.
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
