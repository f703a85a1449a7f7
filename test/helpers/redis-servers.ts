import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import { makeFolder } from './folder.js'
import { until } from './log.js'
import { reservePort } from './ports.js'

/** A process of Redis with settings of its own. */
export interface RedisProcess {
  port: number
  /** Ends it at once. */
  kill: () => Promise<void>
  /** Sends one command in Redis's inline form, and returns the raw answer to it. */
  ask: (command: string) => Promise<string>
}

/** Starts a server, or a sentinel, with these lines in its file of settings, and `port`; resolves once it answers anything. */
export async function startRedisProcess (t: Test, lines: string[], { sentinel = false } = {}): Promise<RedisProcess> {
  const port = await reservePort()
  const folder = makeFolder(t)
  const file = join(folder, 'redis.conf')
  writeFileSync(file, [`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`, ...(sentinel ? [] : ['save ""']), ...lines].join('\n'))
  const child = spawn('redis-server', [file, ...(sentinel ? ['--sentinel'] : [])], { stdio: 'ignore' })
  t.teardown(async () => { await end(child) })
  const server = { port, kill: async () => { await end(child) }, ask: async (command: string) => await ask(port, command) }
  await until(async () => await server.ask('PING').then(answer => answer !== '', () => false))
  return server
}

async function end (child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

async function ask (port: number, command: string): Promise<string> {
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
