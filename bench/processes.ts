import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

// Each child adds a listener, which is no leak.
process.setMaxListeners(0)

/** The core that contestants run on, and the one of the load and the upstream: the first and the last that this process may use. */
export const cores = readCores()

// Containers may be given any cores of their machine (proc_pid_status(5)).
function readCores (): { contestant: number, load: number } {
  const [, list = '0'] = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  const ends = list.split(/[,-]/).map(Number)
  return { contestant: ends[0] as number, load: ends.at(-1) as number }
}

/** Pins this process, which is the load and the upstream, to its core. Returns what is missing, if anything. */
export function pinThisProcess (): string | undefined {
  const { error } = spawnSync('taskset', ['-acp', String(cores.load), String(process.pid)])
  if (error !== undefined) return 'taskset is missing (Debian package util-linux)'
  return cores.load !== cores.contestant ? undefined : 'this machine has one core only: the load and the contestants share it'
}

/** Starts a command on the contestants' core; its output goes where `stdout` says. */
export function spawnPinned (
  command: string,
  commandArguments: string[],
  env: NodeJS.ProcessEnv = {},
  stdout: number | 'ignore' = 'ignore'
): ChildProcess {
  const child = spawn('taskset', ['-c', String(cores.contestant), command, ...commandArguments], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', stdout, 'inherit']
  })
  // If the load fails, no child stays behind.
  process.once('exit', () => { child.kill() })
  return child
}

/** Lets a child use both cores. */
export function freeCores (pid: number): void {
  spawnSync('taskset', ['-acp', `${cores.contestant},${cores.load}`, String(pid)])
}

/** Waits until a child accepts connections; rejects when it ends before. */
export async function accepting (child: ChildProcess, port: number): Promise<void> {
  while (child.exitCode === null) {
    const socket = connect(port, '127.0.0.1')
    const open = await Promise.race([once(socket, 'connect').then(() => true, () => false), once(socket, 'error').then(() => false)])
    socket.destroy()
    if (open) return
    await wait(5)
  }
  throw new Error(`${child.spawnargs.join(' ')} ended with status ${child.exitCode} before it listened`)
}

/** Ends a child and waits until it is gone. */
export async function stop (child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const force = setTimeout(() => { child.kill('SIGKILL') }, 3_000)
  await once(child, 'exit')
  clearTimeout(force)
}

/** CPU seconds that a process and its children have used, of the user and of the system. */
export function cpuSeconds (pid: number): number {
  // Fields 14 and 15 of proc(5) stat, counted behind the name, which may hold spaces.
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /, '').split(' ')
  return childrenOf(pid).reduce((sum, child) => sum + cpuSeconds(child), (Number(fields[11]) + Number(fields[12])) / ticksPerSecond)
}

/** Resident memory of a process and its children in bytes: the current value, or the peak since `forgetPeak`. */
export function residentBytes (pid: number, which: 'now' | 'peak' = 'now'): number {
  const line = new RegExp(`^Vm${which === 'now' ? 'RSS' : 'HWM'}:\\s+(\\d+) kB`, 'm')
  const own = Number(line.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1024
  return childrenOf(pid).reduce((sum, child) => sum + residentBytes(child, which), own)
}

/** Begins a new peak of resident memory. */
export function forgetPeak (pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

const ticksPerSecond = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout)

function childrenOf (pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number)
}
