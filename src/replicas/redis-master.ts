import { createClient, ErrorReply } from '@redis/client'
import { keyPrefix, type RedisNode, type RedisServers } from './redis-servers.js'

/** A connection that does not connect again by itself. */
export type RedisConnection = ReturnType<typeof createConnection>

/**
 * How long a server may take to accept a connection, how long it may be silent, and how often it is pinged, if at all.
 */
export interface RedisTimes { connectMs: number, silenceMs: number, pingMs?: number }

const probe = "redis.call('SET', KEYS[1], '', 'PX', 1000) return redis.call('DEL', KEYS[1])"
const mostMoves = 5

/**
 * Connects to the server that accepts writes now: the only Redis, the master that the sentinels name, or the node of a
 * cluster with the gateway's slot. It resolves after that server has accepted a key, and rejects with the error of the
 * last address.
 * The library's Sentinel client is not used. During a failover it queues commands and sends them later, when their
 * callers have continued without them; a lock acquired in this way would belong to nobody. Its Cluster client is not
 * used because all keys are in one slot: one connection is enough, and both modes behave alike.
 */
export async function connectMaster (servers: RedisServers, times: RedisTimes): Promise<RedisConnection> {
  return await firstOf(servers.nodes, async node => {
    switch (servers.mode) {
      case 'single': return await connectTo(node, servers, times)
      case 'sentinel': return await connectTo(await askSentinel(node, servers, times), servers, times)
      case 'cluster': return await followMoves(node, servers, times)
    }
  })
}

async function firstOf<Value> (nodes: readonly RedisNode[], use: (node: RedisNode) => Promise<Value>): Promise<Value> {
  let failure: unknown
  for (const node of nodes) {
    try {
      return await use(node)
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

/** Opens a connection and sets a key, which a replica and a wrong node of a cluster refuse. */
async function connectTo (node: RedisNode, servers: RedisServers, times: RedisTimes): Promise<RedisConnection> {
  const { username, password, database } = servers
  const connection = createConnection(node, servers.tls, times, { username, password, database })
  return await opened(connection, async () => {
    await connection.eval(probe, { keys: [`${keyPrefix}probe`] })
    return connection
  })
}

async function askSentinel (node: RedisNode, servers: RedisServers, times: RedisTimes): Promise<RedisNode> {
  const { username, password, tls, master = '' } = servers
  const ask = async (credentials: Credentials) => {
    const sentinel = createConnection(node, tls, times, credentials)
    const lookUp = ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master]
    const answer = await opened(sentinel, async () => await sentinel.sendCommand<string[] | null>(lookUp))
    sentinel.destroy()
    return answer
  }
  // Most sentinels have no password and refuse one. The others are given that of Redis.
  const answer = await ask({}).catch(async (error: unknown) => {
    if (isReply(error) && /^(?:NOAUTH|NOPERM)\b/.test(error.message)) return await ask({ username, password })
    throw error
  })
  if (answer === null) throw new Error('the sentinel knows no master of the name that is set')
  return { host: String(answer[0]), port: Number(answer[1]) }
}

async function followMoves (node: RedisNode, servers: RedisServers, times: RedisTimes, moves = 0): Promise<RedisConnection> {
  try {
    return await connectTo(node, servers, times)
  } catch (error) {
    // A node that does not know the host name of another node sends an empty host. The port is then one of its own
    // host.
    const [, host, port] = /^MOVED \d+ (.*):(\d+)$/.exec(isReply(error) ? error.message : '') ?? []
    if (port === undefined || moves === mostMoves) throw error
    return await followMoves({ host: host || node.host, port: Number(port) }, servers, times, moves + 1)
  }
}

interface Credentials { username?: string | undefined, password?: string | undefined, database?: number | undefined }

function createConnection (
  { host, port }: RedisNode, tls: boolean, { connectMs, silenceMs, pingMs }: RedisTimes, credentials: Credentials
) {
  const { username, password, database } = credentials
  const socket = { host, port, connectTimeout: connectMs, socketTimeout: silenceMs, reconnectStrategy: false as const }
  const connection = createClient({
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(database === undefined ? {} : { database }),
    ...(pingMs === undefined ? {} : { pingInterval: pingMs }),
    // A command that cannot be sent at once must not be sent later, because the request has continued without it.
    disableOfflineQueue: true,
    socket: tls ? { ...socket, tls: true } : socket
  })
  // The error is emitted in addition to the rejection. A connection in use has another listener.
  connection.on('error', () => {})
  return connection
}

/** Opens a connection and uses it. Closes it again if that fails. */
async function opened<Value> (connection: RedisConnection, use: () => Promise<Value>): Promise<Value> {
  try {
    await connection.connect()
    return await use()
  } catch (error) {
    closeConnection(connection)
    throw error
  }
}

/** Closes a connection that is still open. */
export function closeConnection (connection: RedisConnection): void {
  if (connection.isOpen) connection.destroy()
}

/** Whether Redis answered with an error. Then the connection works, but the server does not execute the command. */
export function isReply (error: unknown): error is ErrorReply {
  return error instanceof ErrorReply
}
