import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { choosePort } from '../sandbox/demo/ports.js'
import type { Stage } from './contestant.js'
import { accepting, residentBytes, spawnPinned, stop } from './processes.js'

/**
 * The cost of unused tenants: by how many ms a start takes longer, and kB of memory for each. Medians of some starts.
 */
export async function measureTenants (
  { folder }: Pick<Stage, 'folder'>,
  count: number,
  starts: number
): Promise<{ laterMs: number, perTenantKb: number }> {
  const later: number[] = []
  const memory: number[] = []
  for (let start = 0; start < starts; start++) {
    const [one, many] = [await startWith(folder, 1), await startWith(folder, count)]
    later.push(many.milliseconds - one.milliseconds)
    memory.push((many.bytes - one.bytes) / 1_000 / (count - 1))
  }
  const middle = (of: number[]) => of.sort((one, other) => one - other)[Math.floor(of.length / 2)] as number
  return { laterMs: middle(later), perTenantKb: middle(memory) }
}

async function startWith (folder: string, count: number): Promise<{ milliseconds: number, bytes: number }> {
  const port = await choosePort(0)
  const file = join(folder, `tenants-${port}.json`)
  const tenants = Array.from({ length: count }, (_, at) => ({
    name: `t${at}`, publicUrl: `https://t${at}.bench`, tenantUrl: `https://t${at}.qlik.bench`, clientId: 'id', clientSecret: 'secret'
  }))
  writeFileSync(file, JSON.stringify({ port, logLevel: 'warn', sessionKeys: randomBytes(32).toString('base64'), tenants }))
  const before = performance.now()
  const child = spawnPinned(process.execPath, [join(process.cwd(), 'dist', 'cli.js')], { CONFIG_FILE: file })
  try {
    await accepting(child, port)
    await (await fetch(`http://127.0.0.1:${port}/healthz`)).text()
    return { milliseconds: performance.now() - before, bytes: residentBytes(child.pid as number) }
  } finally {
    await stop(child)
  }
}
