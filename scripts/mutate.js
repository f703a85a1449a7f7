// Takes the lines away that guard the gateway, one after the other, and shows that a test fails for each: `npm run mutate`. It works on a
// copy of what is committed, in a folder of the system's. An argument limits it to what holds that word.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, cpSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ts from 'typescript'

/**
 * The lines whose loss would hurt most: what is lost, in which file, the exact text, what takes its place, and the tests that must notice.
 * @type {[lost: string, file: string, text: string, instead: string, test: string][]}
 */
const mutations = JSON.parse(readFileSync('scripts/mutations.json', 'utf8'))

const wanted = mutations.filter(([lost, file, , , test]) => [lost, file, test].some(text => text.includes(process.argv[2] ?? '')))
const folder = mkdtempSync(join(tmpdir(), 'mutate-'))
const copy = join(folder, 'copy')
const said = join(folder, 'said')
/** The longest that a test may take as the code is. */
const longestMs = 300_000

/** @type {ts.CompilerOptions} */
const compilerOptions = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true }
/** @type {(file: string) => string} */
const compiledFrom = file => `build/suite/${file.replace(/\.ts$/, '.js')}`

/**
 * Writes a file of the copy, and what tests run of it. A compiler that complained of the types would be no test.
 * @type {(file: string, text: string) => void}
 */
function write (file, text) {
  writeFileSync(join(copy, file), text)
  if (file.endsWith('.ts')) writeFileSync(join(copy, compiledFrom(file)), ts.transpileModule(text, { compilerOptions }).outputText)
}

/**
 * Whether a test file passes in the copy within this time.
 * @type {(test: string, limitMs: number) => Promise<boolean>}
 */
async function passes (test, limitMs) {
  const output = openSync(said, 'w')
  // Without the runner, which takes longer to start than most files take.
  const child = spawn(process.execPath, [compiledFrom(test)], {
    cwd: copy,
    stdio: ['ignore', output, output],
    // A group of its own, so that the processes that it starts end with it.
    detached: true,
    env: { ...process.env, TAP_TIMEOUT: String(limitMs / 1_000), TAP_BAIL: '1' }
  })
  closeSync(output)
  // A program that is blocked in a system call handles no other signal.
  end = () => { try { process.kill(-Number(child.pid), 'SIGKILL') } catch { /* All have ended. */ } }
  const timer = setTimeout(end, limitMs)
  const [code] = await once(child, 'exit')
  clearTimeout(timer)
  end()
  return code === 0
}

const missed = []
let end = () => {}
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
process.once('exit', () => {
  end()
  execFileSync('git', ['worktree', 'remove', '--force', copy])
  rmSync(folder, { recursive: true, force: true })
})
execFileSync('git', ['worktree', 'add', '--quiet', '--detach', copy, 'HEAD'])
// No symbolic link: Node 20 would load a package of CommonJS by two names, and give an import the one that is empty.
cpSync('node_modules', join(copy, 'node_modules'), { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE })
for (const script of ['build', 'compile']) execFileSync('npm', ['run', '--silent', script], { cwd: copy, stdio: 'ignore' })
// Many a test waits forever without its line: it is ended after three times what it takes with it, and a minute at least.
/** @type {Map<string, number>} */
const limits = new Map()
for (const test of new Set(wanted.map(([, , , , test]) => test))) {
  const startedAt = Date.now()
  if (!await passes(test, longestMs)) {
    throw new Error(`${test} fails before anything was taken away: mend it first. It says\n${readFileSync(said, 'utf8').slice(-5_000)}`)
  }
  limits.set(test, Math.max(60_000, 3 * (Date.now() - startedAt)))
}
console.log('| without this | in | fails |\n| --- | --- | --- |')
for (const [lost, file, text, instead, test] of wanted) {
  const source = readFileSync(join(copy, file), 'utf8')
  const [before, after, ...more] = source.split(text)
  if (after === undefined || more.length > 0) {
    throw new Error(`${file} does not hold this text exactly once: ${text}. Bring scripts/mutations.json up to date.`)
  }
  write(file, before + instead + after)
  const noticed = !await passes(test, limits.get(test) ?? longestMs)
  write(file, source)
  if (!noticed) missed.push(lost)
  console.log(`| ${lost} | \`${file}\` | ${noticed ? `\`${test}\`` : '**nothing**'} |`)
}
if (missed.length > 0) throw new Error(`No test fails without: ${missed.join('; ')}.`)
