import { redisServersOf, type RedisMode } from '../../replicas/redis-servers.js'
import { codeOf } from './failure.js'
import { ok, problem, skipped, warning, type Finding } from './finding.js'
import type { DoctorContext } from './context.js'

const oldestMajor = 6
// The gateway continues without a Redis that takes longer than this.
const commandMs = 250

/** Checks that Redis is usable, recent and fast enough, and does not evict keys. */
export async function examineRedis ({ gateway, timeoutMs }: Pick<DoctorContext, 'gateway' | 'timeoutMs'>): Promise<Finding[]> {
  const servers = redisServersOf(gateway)
  if (servers === undefined) return [skipped('REDIS_URL is not set: right for one process; replicas need it, or sticky sessions.')]
  const hosts = servers.nodes.map(({ host, port }) => `${host}:${port}`).join(', ')
  // The library takes a while to load.
  const { connectMaster, closeConnection } = await import('../../replicas/redis-master.js')
  try {
    const connection = await connectMaster(servers, { connectMs: timeoutMs, silenceMs: timeoutMs })
    const askedAt = performance.now()
    await connection.eval('return 1')
    const latencyMs = Math.ceil(performance.now() - askedAt)
    // An ACL may deny INFO to the gateway, which does not need it.
    const info = await connection.info().catch(() => '')
    closeConnection(connection)
    return judgeRedis(info, latencyMs)
  } catch (error) {
    return [describe(hosts, error as Error, servers.mode)]
  }
}

function describe (host: string, error: Error, mode: RedisMode): Finding {
  // Redis begins its errors with an error code.
  const word = /^[A-Z]{2,20}\b/.exec(error.message)?.[0]
  if (word === 'NOAUTH' || word === 'WRONGPASS') {
    return problem(
      `Redis at ${host} refuses the user or password (${word}).`,
      'Write them into REDIS_URL: redis://user:password@host:6379, percent-encoded.'
    )
  }
  if (word === 'NOPERM') {
    return problem(
      `Redis at ${host} does not let this user run scripts (NOPERM).`,
      'Give the user what docs/deployment.md lists: the keys and channels {qlik-embed-gateway}:*, and the commands of the gateway.'
    )
  }
  if (word === 'READONLY') {
    return problem(
      `Redis at ${host} is a replica, which takes nothing (READONLY).`,
      'Name the master in REDIS_URL, or the sentinels that know it with REDIS_MODE=sentinel.'
    )
  }
  if (word === 'MOVED') return problem(`Redis at ${host} is a node of a cluster (MOVED).`, 'Set REDIS_MODE=cluster.')
  if (mode === 'sentinel' && word === undefined && error.message.includes('knows no master')) {
    return problem(`The sentinels at ${host} know no master of the name in REDIS_MASTER.`, 'Ask one of them: SENTINEL masters.')
  }
  return problem(
    `Redis at ${host} cannot be used (${word ?? codeOf(error)}). The gateway goes on without it, as replicas without REDIS_URL do.`,
    'Check address, port, TLS (rediss:) and firewalls.'
  )
}

/** Evaluates the output of INFO and the duration of a script. */
export function judgeRedis (info: string, latencyMs: number): Finding[] {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
  const version = field('redis_version')
  const policy = field('maxmemory_policy')
  const findings: Finding[] = []
  if (version !== '' && Number.parseInt(version) < oldestMajor) {
    findings.push(problem(`Redis is ${version}, older than ${oldestMajor}.`, 'Use a newer one.'))
  }
  if (latencyMs > commandMs) {
    findings.push(problem(
      `Redis takes ${latencyMs} ms for a script: the gateway waits ${commandMs} ms and goes on without it.`, 'Put it near the gateway.'
    ))
  }
  if (policy.startsWith('allkeys')) {
    findings.push(warning(
      `Redis evicts any key when its memory is full (${policy}): refresh results and logouts can be lost early.`,
      'Set maxmemory-policy volatile-ttl, or noeviction, and enough memory.'
    ))
  }
  return findings.length > 0 ? findings : [ok(`Redis ${version} takes what is written, and answers in ${latencyMs} ms.`)]
}
