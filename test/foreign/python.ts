// Python's requests, aiohttp and websockets, with the cookie of a login.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { cache, checkProgram, findMissing, run, whyNot } from './programs.js'
import { eachWay } from './ways.js'

const folder = 'test/foreign/python'
const requirements = `${folder}/requirements.txt`
let python = 'python3'

async function installPackages (): Promise<void> {
  const key = createHash('sha256').update(await run('python3', ['--version'])).update(readFileSync(requirements)).digest('hex').slice(0, 16)
  const home = join(cache, `python-${key}`)
  python = join(home, 'bin', 'python')
  // Written last: an installation that was broken off begins again.
  const whole = join(home, 'whole')
  if (existsSync(whole)) return
  await run('python3', ['-m', 'venv', '--clear', home])
  await run(python, ['-m', 'pip', 'install', '--quiet', '--requirement', requirements])
  writeFileSync(whole, '')
}

const missing = findMissing('python3') ?? await whyNot('Python\'s packages', installPackages)

for (const [library, steps] of [
  ['requests', ['get', 'put', 'chunked', 'range']],
  ['aiohttp', ['get', 'put', 'range', 'continued', 'refused', 'socket', 'compressed']],
  ['websockets', ['socket', 'compressed']]
] as const) {
  await t.test(`Python's ${library} reads, writes and is answered as by the tenant itself`, { skip: missing ?? false }, async t => {
    await eachWay(t, async (t, way) => { await checkProgram(t, way, [python, '-B', `${folder}/${library}_client.py`], steps) })
  })
}
