import { createClient, type RedisClientType } from '@redis/client'
import { codeOf } from './failure.js'
import { ok, problem, skipped, warning, type Finding } from './finding.js'
import type { Patient } from './patient.js'

const oldestMajor = 6
// The gateway goes on without a Redis that takes longer (tokens/redis).
const commandMs = 250

/** Whether Redis can be used, is new and fast enough, and keeps what it is told. */
export async function examineRedis ({ gateway: { redisUrl }, patienceMs }: Patient): Promise<Finding[]> {
  if (redisUrl === undefined) return [skipped('REDIS_URL is not set: right for one process; replicas need it, or sticky sessions.')]
  const { host } = new URL(redisUrl)
  const client = createClient({ url: redisUrl, disableOfflineQueue: true, socket: { connectTimeout: patienceMs, socketTimeout: patienceMs, reconnectStrategy: false } })
  client.on('error', () => {})
  const findings = await use(client).catch((error: Error) => [describe(host, error)])
  client.destroy()
  return findings
}

async function use (client: Pick<RedisClientType, 'connect' | 'eval' | 'info'>): Promise<Finding[]> {
  await client.connect()
  const askedAt = performance.now()
  await client.eval('return 1')
  const latencyMs = Math.ceil(performance.now() - askedAt)
  return judgeRedis(await client.info(), latencyMs)
}

function describe (host: string, error: Error): Finding {
  // Redis begins its errors with a word of its own.
  const word = /^[A-Z]{2,20}\b/.exec(error.message)?.[0]
  if (word === 'NOAUTH' || word === 'WRONGPASS') return problem(`Redis at ${host} refuses the user or password (${word}).`, 'Write them into REDIS_URL: redis://user:password@host:6379, percent-encoded.')
  if (word === 'NOPERM') return problem(`Redis at ${host} does not let this user run scripts (NOPERM).`, 'Allow EVAL, PUBLISH, SUBSCRIBE and the keys of the gateway to this user.')
  return problem(`Redis at ${host} cannot be used (${word ?? codeOf(error)}). The gateway goes on without it, as replicas without REDIS_URL do.`, 'Check address, port, TLS (rediss:) and firewalls.')
}

/** What INFO and the time of a script say. */
export function judgeRedis (info: string, latencyMs: number): Finding[] {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
  const version = field('redis_version')
  const policy = field('maxmemory_policy')
  const findings: Finding[] = []
  if (Number.parseInt(version) < oldestMajor) findings.push(problem(`Redis is ${version}, older than ${oldestMajor}.`, 'Use a newer one.'))
  if (latencyMs > commandMs) findings.push(problem(`Redis takes ${latencyMs} ms for a script: the gateway waits ${commandMs} ms and goes on without it.`, 'Put it near the gateway.'))
  if (policy.startsWith('allkeys')) findings.push(warning(`Redis evicts any key when its memory is full (${policy}): refresh results and logouts can be lost early.`, 'Set maxmemory-policy volatile-ttl, or noeviction, and enough memory.'))
  return findings.length > 0 ? findings : [ok(`Redis ${version} answers in ${latencyMs} ms.`)]
}
