import { parseUrl } from '../url.js'

/**
 * The prefix of all keys and channels of the gateway. Its braces keep them in one slot of a cluster, because scripts
 * use several keys.
 */
export const keyPrefix = '{qlik-embed-gateway}:'

/** One server by its address. */
export interface RedisNode { host: string, port: number }

/** The addresses of Redis and the gateway's user there. */
export interface RedisServers {
  /** `nodes` are the only Redis, the sentinels that know the master, or some nodes of the cluster. */
  mode: RedisMode
  nodes: RedisNode[]
  /** The master's name at the sentinels. */
  master?: string | undefined
  tls: boolean
  username?: string
  password?: string
  database?: number
}

export const redisModes = ['single', 'sentinel', 'cluster'] as const
export type RedisMode = typeof redisModes[number]

const address = /^(rediss?):\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^@/?#]+)(?:\/(\d*))?$/
const redisPort = 6_379
const sentinelPort = 26_379

/**
 * Reads `redis://user:password@host:6379,host:6379/database`, or `rediss:` for TLS; several hosts are separated by commas, and what is a
 * part of a URL is percent-encoded. Undefined when it is nothing of the kind.
 */
export function parseRedisUrl (text: string, mode: RedisMode = 'single', master?: string): RedisServers | undefined {
  const [, scheme, username, password, hosts = '', database] = address.exec(text) ?? []
  const nodes = hosts.split(',').map(host => parseNode(host, mode === 'sentinel' ? sentinelPort : redisPort))
  if (scheme === undefined || !nodes.every(node => node !== undefined)) return undefined
  try {
    return {
      mode,
      nodes,
      master,
      tls: scheme === 'rediss',
      ...(username === undefined || username === '' ? {} : { username: decodeURIComponent(username) }),
      ...(password === undefined ? {} : { password: decodeURIComponent(password) }),
      ...(database === undefined || database === '' ? {} : { database: Number(database) })
    }
  } catch {
    return undefined
  }
}

function parseNode (host: string, port: number): RedisNode | undefined {
  const url = parseUrl(`redis://${host}`)
  if (!/^[\w.:[\]-]+$/.test(host) || url === undefined) return undefined
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || port) }
}

/** The servers of validated settings. Undefined without REDIS_URL. */
export function redisServersOf ({ redisUrl, redisMode, redisMaster }: RedisSettings): RedisServers | undefined {
  return redisUrl === undefined ? undefined : parseRedisUrl(redisUrl, redisMode, redisMaster)
}

export interface RedisSettings {
  redisUrl?: string | undefined
  redisMode: RedisMode
  redisMaster?: string | undefined
  redisCommandMs?: number | undefined
}

/** Contradictions between several settings: the option to change, and what to do. */
export function faultsOfRedis ({ redisUrl, redisMode, redisMaster }: Partial<RedisSettings>): [keyof RedisSettings, string][] {
  // A mode that is none is a fault of its own.
  if (redisMode === undefined) return []
  const servers = redisUrl === undefined ? undefined : parseRedisUrl(redisUrl)
  if (redisMode === 'sentinel' && redisMaster === undefined) {
    return [['redisMaster', 'is required where {redisMode} is sentinel: set it to the name by which the sentinels know the master']]
  }
  if (redisMode !== 'sentinel' && redisMaster !== undefined) {
    return [['redisMaster', 'is for sentinels alone: set {redisMode} to sentinel, or leave it out']]
  }
  if (redisMode !== 'single' && redisUrl === undefined) {
    return [['redisUrl', `is required where {redisMode} is ${redisMode}: name some of its servers, as redis://host:port,host:port`]]
  }
  if (redisMode === 'single' && servers !== undefined && servers.nodes.length > 1) {
    return [['redisUrl', 'names several hosts, of which a single Redis has one: set {redisMode} to sentinel or cluster']]
  }
  if (redisMode === 'cluster' && (servers?.database ?? 0) !== 0) {
    return [['redisUrl', 'names a database, of which a cluster has only 0: leave it out']]
  }
  return []
}
