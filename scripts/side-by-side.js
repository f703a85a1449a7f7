// node scripts/side-by-side.js lint types …: runs scripts of package.json at the same time. What one says is printed only if it failed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { pathToFileURL } from 'node:url'

/**
 * Runs scripts of package.json at the same time and names those that failed, after what they said.
 * @type {(names: string[]) => Promise<string[]>}
 */
export async function runSideBySide (names) {
  const failed = await Promise.all(names.map(async name => {
    const startedAt = performance.now()
    const child = spawn('npm', ['run', '--silent', name], { stdio: ['ignore', 'pipe', 'pipe'] })
    /** @type {Buffer[]} */
    const said = []
    for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => said.push(chunk))
    const [status] = await once(child, 'close')
    if (status !== 0) process.stdout.write(Buffer.concat(said))
    console.log(`${status === 0 ? 'ok    ' : 'failed'} ${name} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`)
    return status === 0 ? [] : [name]
  }))
  return failed.flat()
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = (await runSideBySide(process.argv.slice(2))).length > 0 ? 1 : 0
}
