import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** The built command as a process that can be ended and started again at its address. */
export interface Replica {
  readonly origin: string
  readonly starts: number
  start: () => Promise<void>
  stop: (signal: 'SIGTERM' | 'SIGKILL') => Promise<void>
  /** Lets it do nothing until it goes on. */
  halt: () => void
  goOn: () => void
  /** Resident memory in MB, and open file descriptors. */
  measure: () => { memory: number, descriptors: number }
  /** Lines of its log that are errors of its own. */
  readonly errors: string[]
  /** What its log says of Redis and of sessions that the tenant has ended. */
  readonly notes: string[]
}

export function createReplica (port: number, env: NodeJS.ProcessEnv): Replica {
  let child: ChildProcess
  let starts = 0
  const errors: string[] = []
  const notes: string[] = []
  return {
    origin: `http://127.0.0.1:${port}`,
    get starts () { return starts },
    errors,
    notes,
    async start () {
      starts++
      child = spawn(process.execPath, ['dist/cli.js'], {
        env: { PATH: process.env.PATH, ...env, PORT: String(port), LOG_LEVEL: 'info' },
        stdio: ['ignore', 'pipe', 'inherit']
      })
      const lines = createInterface({ input: child.stdout as never })
      const ready = new Promise<void>(resolve => {
        lines.on('line', line => {
          const { level, msg } = JSON.parse(line) as { level: number, msg: string }
          if (msg === 'ready') resolve()
          // A request line is as grave as the tenant's answer.
          if (level >= 50 && msg !== 'request') errors.push(line)
          if (/redis|session has ended/i.test(msg)) notes.push(`${new Date().toISOString()} ${port}: ${msg}`)
        })
      })
      await Promise.race([ready, once(child, 'exit').then(() => { throw new Error('the gateway ended before it was ready') })])
    },
    async stop (signal) {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill(signal)
      await exited
    },
    halt: () => { child.kill('SIGSTOP') },
    goOn: () => { child.kill('SIGCONT') },
    measure () {
      const memory = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024
      return { memory: Math.round(memory), descriptors: readdirSync(`/proc/${child.pid}/fd`).length }
    }
  }
}
