import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
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

/** The rights that the documentation gives a user of an ACL. */
export function documentedRights (): string {
  const [, rights = ''] = /user gateway on >secret (.+)/.exec(readFileSync('docs/deployment.md', 'utf8')) ?? []
  return rights
}

/** Three masters, of which each has a replica; `owner` has the slot of this name. */
export async function startCluster (t: Test, name: string): Promise<{ nodes: RedisProcess[], owner: RedisProcess }> {
  const nodes: RedisProcess[] = []
  for (let i = 0; i < 6; i++) {
    nodes.push(await startRedisProcess(t, ['cluster-enabled yes', 'cluster-node-timeout 1000', `cluster-port ${await reservePort()}`]))
  }
  const create = spawn(
    'redis-cli',
    ['--cluster', 'create', ...nodes.map(({ port }) => `127.0.0.1:${port}`), '--cluster-replicas', '1', '--cluster-yes'],
    { stdio: ['ignore', 'pipe', 'pipe'] }
  )
  const [said, [status]] = await Promise.all([text(create.stdout), once(create, 'exit')]) as [string, [number]]
  if (status !== 0) throw new Error(`The cluster was not made: ${said}`)
  for (const node of nodes) await until(async () => (await node.ask('CLUSTER INFO')).includes('cluster_state:ok'))
  const answers = await Promise.all(nodes.map(async node => await node.ask(`SET ${name} x`)))
  return { nodes, owner: nodes[answers.indexOf('+OK\r\n')] as RedisProcess }
}
