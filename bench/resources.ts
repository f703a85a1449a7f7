import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Contestant, Stage } from './contestant.js'
import { signInUsers } from './contestants.js'
import { loadHttp } from './http-load.js'
import { forgetPeak, residentBytes, stop } from './processes.js'
import { openSocket } from './socket-load.js'
import { bodies } from './upstream.js'
import { upload } from './work.js'

/** Milliseconds from the start of the process to its first answer; the middle of some starts. */
export async function measureStart (contestant: Contestant, stage: Stage, starts: number): Promise<number> {
  const figures: number[] = []
  for (let count = 0; count < starts; count++) {
    const before = performance.now()
    const running = await contestant.start({ ...stage, users: 0 })
    if (typeof running === 'string' || running.child === undefined) throw new Error(`${contestant.name} did not start`)
    await (await fetch(`http://127.0.0.1:${running.port}/healthz`)).text()
    figures.push(performance.now() - before)
    await stop(running.child)
  }
  return figures.sort((one, other) => one - other)[Math.floor(starts / 2)] as number
}

/** Of a fresh process, in MB unless the name says kB. */
export interface Memory {
  startedMb: number
  thousandSessionsMb: number
  perSocketKb: number
  /** By how much a transfer of 100 MB raises the peak. */
  downloadMb: number
  uploadMb: number
}

/** Measures resident memory, over so many sessions and idle WebSockets. */
export async function measureMemory (contestant: Contestant, stage: Stage, count: number): Promise<Memory> {
  const running = await contestant.start({ ...stage, users: 1 })
  if (typeof running === 'string' || running.child?.pid === undefined) throw new Error(`${contestant.name} did not start`)
  const { port, sessions: [session = ''], child: { pid } } = running
  const get = (path: string, answers: number, asking = [session]) => loadHttp({
    port,
    connections: 1,
    requests: asking.map(session =>
      Buffer.from(`GET ${path} HTTP/1.1\r\nHost: localhost:${port}\r\nSec-Fetch-Site: same-origin\r\n${session}\r\n`)
    ),
    body: bodies[path] as Buffer,
    duration: { countedMs: 60_000 },
    answers
  })
  const growth = async (transfer: () => Promise<unknown>): Promise<number> => {
    forgetPeak(pid)
    const before = residentBytes(pid)
    await transfer()
    return (residentBytes(pid, 'peak') - before) / 1e6
  }
  const startedMb = residentBytes(pid) / 1e6
  try {
    await get('/api/1k', 2_000)
    // The first thousand brings code; what each of the next takes is what counts.
    await get('/api/1k', count, await signInUsers(port, Math.min(count, 1_000)))
    const ofThousand = residentBytes(pid)
    await get('/api/1k', count, await signInUsers(port, count))
    const thousandSessionsMb = (residentBytes(pid) - ofThousand) / 1e6 / count * 1_000
    await get('/api/5m', 10)
    const downloadMb = await growth(async () => await get('/api/100m', 1))
    const uploadMb = await growth(async () => await upload.run(running, { countedMs: 0 }))
    const open = async (many: number): Promise<Socket[]> => {
      const sockets: Socket[] = []
      for (let at = 0; at < many; at++) {
        sockets.push(await openSocket({ port, size: 100, headers: `Origin: http://localhost:${port}\r\n${session}` }, () => {}))
      }
      return sockets
    }
    // What the first thousand cost is code and pools; they stay open, so that their memory is not given to the others.
    const first = await open(Math.min(count, 1_000))
    const before = residentBytes(pid)
    const sockets = await open(count)
    const perSocketKb = (residentBytes(pid) - before) / 1_000 / count
    for (const socket of [...first, ...sockets]) socket.destroy()
    await Promise.all(sockets.map(socket => once(socket, 'close')))
    return { startedMb, thousandSessionsMb, perSocketKb, downloadMb, uploadMb }
  } finally {
    await stop(running.child)
  }
}
