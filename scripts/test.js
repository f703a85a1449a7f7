// npm test: everything that must hold. npm test -- test/session test/cli.test.ts: the tests of these folders and files alone, without coverage;
// options go to tap.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { meetRequirements } from './requirements.js'
import { runSideBySide } from './side-by-side.js'

const compiled = 'build/suite'
const record = resolve('build/record')
const paths = process.argv.slice(2).filter(word => !word.startsWith('--'))
const options = process.argv.slice(2).filter(word => word.startsWith('--'))
let passed = 0
let failed = 0

/** @type {(path: string) => string[]} */
function findTests (path) {
  const given = relative('.', path)
  if (!statSync(given).isDirectory()) return [given]
  return readdirSync(given, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.test.ts')).map(file => `${given}/${file}`)
}

/**
 * Runs tests by their sources. Their compiled form needs no loader, and coverage is traced back to the sources.
 * @type {(name: string, files: string[], ...more: string[]) => Promise<void>}
 */
async function runTap (name, files, ...more) {
  const output = `build/${name}.tap`
  rmSync(output, { force: true })
  const tap = spawn('npx', [
    'tap', 'run', '--test-env=TAP_TYPE_STRIP_ONLY=1', `--reporter=${process.stdout.isTTY ? 'base' : 'terse'}`, `--output-file=${output}`,
    ...more, ...options, ...files.map(file => `${compiled}/${file.replace(/\.ts$/, '.js')}`)
  ], {
    stdio: 'inherit',
    // Where nobody watches, CI keeps the reporter from drawing each state of its progress.
    env: { ...process.env, RUN_RECORD: record, ...process.stdout.isTTY ? {} : { CI: '1' } }
  })
  const [status] = await once(tap, 'close')
  const summary = /^# \{ total: \d+(?:, pass: (?<pass>\d+))?(?:, fail: (?<fail>\d+))?/m.exec(readFileSync(output, 'utf8'))?.groups ?? {}
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
    // Tests wait more than they compute, so there is time for the linters beside them.
    await Promise.all([runScripts(['lint', 'types']), runTap('suite', ['test', 'sandbox/test'].flatMap(findTests))])
    await runTap('record', ['test/security/whole-run.ts'], '--disable-coverage')
  } else {
    await runTap('some', paths.flatMap(findTests), '--disable-coverage')
  }
}
// On a line of its own, whatever a reporter left behind.
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
