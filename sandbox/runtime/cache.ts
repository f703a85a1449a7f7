import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { RuntimeCode } from './build.js'

const packages = [
  'rolldown', '@nebula.js/stardust', '@nebula.js/sn-bar-chart', '@nebula.js/sn-line-chart', '@nebula.js/sn-table',
  '@nebula.js/sn-kpi', 'enigma.js'
]

/** A key that depends on the versions of the bundled packages, the browser sources and the code that bundles them. */
export async function computeRuntimeKey (projectFolder: string): Promise<string> {
  const folder = join(projectFolder, 'sandbox', 'runtime')
  const require = createRequire(join(projectFolder, 'sandbox', 'package.json'))
  const paths = [
    join(folder, 'build.ts'),
    ...await listSources(join(folder, 'browser')),
    ...packages.map(name => require.resolve(`${name}/package.json`)),
    // The package's exports do not include its package.json.
    join(dirname(require.resolve('@qlik/api')), 'package.json')
  ]
  const hash = createHash('sha256')
  for (const content of await Promise.all(paths.map(async path => readFile(path)))) hash.update(`${content.length}\n`).update(content)
  return hash.digest('hex').slice(0, 16)
}

async function listSources (folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter(entry => entry.isFile() && entry.name.endsWith('.ts')).map(entry => join(entry.parentPath, entry.name)).sort()
}

/** Reads the bundle with this key. Undefined if it does not exist or cannot be read. */
export async function readRuntime (cacheFolder: string, key: string): Promise<RuntimeCode | undefined> {
  try {
    return new Map(JSON.parse(await readFile(join(cacheFolder, `runtime-${key}.json`), 'utf8')) as [string, string][])
  } catch {
    return undefined
  }
}

/** Stores a bundle atomically, so that another process never sees a part of it, and removes bundles with other keys. */
export async function writeRuntime (cacheFolder: string, key: string, code: RuntimeCode): Promise<void> {
  await mkdir(cacheFolder, { recursive: true })
  const name = `runtime-${key}.json`
  const part = join(cacheFolder, `${name}.${randomBytes(6).toString('hex')}`)
  try {
    await writeFile(part, JSON.stringify([...code]))
    await rename(part, join(cacheFolder, name))
  } finally {
    await rm(part, { force: true })
  }
  const old = (await readdir(cacheFolder)).filter(other => /^runtime-[0-9a-f]+\.json$/.test(other) && other !== name)
  await Promise.all(old.map(async other => rm(join(cacheFolder, other), { force: true })))
}
