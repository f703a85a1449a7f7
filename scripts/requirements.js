// What the tests need from the system beside Node: installed by apt where this user may, else one line says what to run.
// node scripts/requirements.js --nightly: what the tests of test/nightly need too.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** Programs, and the Debian packages that bring them. */
const programs = {
  [process.env.CHROMIUM_PATH ?? 'chromium']: 'chromium',
  'redis-server': 'redis-server',
  nginx: 'nginx-light',
  promtool: 'prometheus',
  openssl: 'openssl'
}
const nightlyPrograms = {
  'firefox-esr': 'firefox-esr',
  WebKitWebDriver: 'webkit2gtk-driver',
  Xvfb: 'xvfb',
  haproxy: 'haproxy',
  caddy: 'caddy'
}

// Debian puts nginx where only administrators look.
process.env.PATH += `${delimiter}/usr/sbin`

/** @type {(program: string) => boolean} */
function isInstalled (program) {
  return (process.env.PATH ?? '').split(delimiter).some(folder => {
    try {
      accessSync(program.startsWith('/') ? program : join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** @type {(wanted: Record<string, string>) => string[]} */
const findMissing = wanted => Object.entries(wanted).filter(([program]) => !isInstalled(program)).map(([, name]) => name)

/** @type {(command: string[]) => boolean} */
const run = ([program = '', ...words]) => {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return spawnSync(program, words, { stdio: ['ignore', 'ignore', 'inherit'], env }).status === 0
}

/** Whether everything is there, in the end; `nightly`: what its tests need too. Looking takes no time where nothing is missing. */
export function meetRequirements ({ nightly = false } = {}) {
  const wanted = { ...programs, ...nightly ? nightlyPrograms : {} }
  const missing = findMissing(wanted)
  if (missing.length === 0) return true
  const install = ['apt-get', 'install', '--yes', '--no-install-recommends', ...missing]
  const administrator = process.getuid?.() === 0 ? [] : ['sudo', '--non-interactive']
  if (existsSync('/usr/bin/apt-get') && (administrator.length === 0 || run([...administrator, 'true']))) {
    console.log(`Installing what the tests need: ${missing.join(' ')}`)
    run([...administrator, 'apt-get', 'update'])
    run([...administrator, ...install])
  }
  const left = findMissing(wanted)
  if (left.length > 0) console.error(`The tests need ${left.join(', ')}. Run: sudo apt-get update && sudo ${install.join(' ')}`)
  return left.length === 0
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = meetRequirements({ nightly: process.argv.includes('--nightly') }) ? 0 : 1
}
