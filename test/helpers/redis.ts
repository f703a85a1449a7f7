import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Test } from 'tap'
import { until } from './log.js'
import { reservePort } from './ports.js'

/** How many ms a command to Redis may take in tests, so that Redis does not count as away when the machine is slow. */
export const patientMs = 60_000

/** A Redis of the system that can be killed, halted and started again on its port. */
export interface RedisServer {
  url: string
  start: () => Promise<void>
  /** Ends it at once; it remembers nothing. */
  kill: () => Promise<void>
  /** Lets it take connections and answer nothing. */
  halt: () => void
  goOn: () => void
  /** Sends one command in Redis's inline form and returns the raw answer. */
  ask: (command: string) => Promise<string>
}

/** Starts a Redis on a free port, in memory only. */
export async function startRedis (t: Test): Promise<RedisServer> {
  const port = await reservePort()
  let child: ChildProcess
  const server: RedisServer = {
    url: `redis://127.0.0.1:${port}`,
    async start () {
      child = spawn(
        'redis-server',
        ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--daemonize', 'no'],
        { stdio: 'ignore' }
      )
      const failed = once(child, 'error').then(([error]: unknown[]) => {
        throw new Error('redis-server cannot be started: install it (apt-get install redis-server)', { cause: error })
      })
      failed.catch(() => {})
      await until(async () => await Promise.race([failed, server.ask('PING').catch(() => '')]) === '+PONG\r\n')
    },
    kill: async () => { await endRedis(child) },
    halt: () => { child.kill('SIGSTOP') },
    goOn: () => { child.kill('SIGCONT') },
    ask: async command => await askRedis(port, command)
  }
  t.teardown(async () => { await server.kill() })
  await server.start()
  return server
}

/** Ends a process of Redis at once. */
export async function endRedis (child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

/** Sends one command in Redis's inline form, and returns the raw answer. */
export async function askRedis (port: number, command: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.write(`${command}\r\n`)
    const [answer] = await once(socket, 'data') as [Buffer]
    return answer.toString()
  } finally {
    socket.destroy()
  }
}
