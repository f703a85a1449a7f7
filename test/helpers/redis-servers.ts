import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { makeFolder } from './folder.js'
import { until } from './log.js'
import { reservePort } from './ports.js'
import { askRedis, endRedis } from './redis.js'

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
  t.teardown(async () => { await endRedis(child) })
  const server = { port, kill: async () => { await endRedis(child) }, ask: async (command: string) => await askRedis(port, command) }
  await until(async () => await server.ask('PING').then(answer => answer !== '', () => false))
  return server
}
