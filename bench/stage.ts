import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Contestant, Running, Stage } from './contestant.js'
import { stop } from './processes.js'

/** A tenant that listens. */
export interface Listening { port: number, tlsPort: number, cert: string, close: () => void }

/** Starts contestants for so many users each, those that are there. */
export type StartAll = (contestants: readonly Contestant[], users: number) => Promise<Map<string, Running>>

/**
 * Does something with contestants in front of a tenant, and stops everything afterwards. Reports missing contestants.
 */
export async function onStage<T> (
  tenant: Listening,
  { tls, profileFolder }: { tls: boolean, profileFolder?: string | undefined },
  act: (stage: Stage, start: StartAll) => Promise<T>,
  print: (line: string) => void
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'gateway-bench-'))
  // Apache's worker process runs as another user.
  await chmod(folder, 0o755)
  const caFile = join(folder, 'tenant.pem')
  await writeFile(caFile, tenant.cert)
  const oauth = `https://localhost:${tenant.tlsPort}`
  const stage: Stage = {
    tenant: tls ? { origin: oauth, port: tenant.tlsPort, tls } : { origin: `http://localhost:${tenant.port}`, port: tenant.port, tls },
    oauth,
    caFile,
    directPort: tenant.port,
    folder,
    users: 1,
    profileFolder
  }
  const children: Running[] = []
  const missing = new Set<string>()
  let folders = 0
  try {
    return await act(stage, async (contestants, users) => {
      const running = new Map<string, Running>()
      // Some contestants write settings under a fixed name.
      const own = { ...stage, users, folder: join(folder, String(folders++)) }
      await mkdir(own.folder, { mode: 0o755 })
      for (const { name, start } of contestants) {
        const started = await start(own)
        if (typeof started === 'string') {
          if (!missing.has(name)) print(`${name} is left out: ${started}`)
          missing.add(name)
        } else {
          children.push(started)
          running.set(name, started)
        }
      }
      return running
    })
  } finally {
    for (const { child } of children) if (child !== undefined) await stop(child)
    tenant.close()
    await rm(folder, { recursive: true, force: true })
  }
}
