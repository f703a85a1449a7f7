import { createClient, ErrorReply } from '@redis/client'
import { keyPrefix, type RedisNode, type RedisServers } from './redis-servers.js'

/** A connection that does not connect again by itself. */
export type RedisConnection = ReturnType<typeof createConnection>

/** How long a server may take to accept, and how long it may be silent; how often it is asked whether it is there, if it is. */
export interface RedisTimes { connectMs: number, silenceMs: number, pingMs?: number }

const probe = "redis.call('SET', KEYS[1], '', 'PX', 1000) return redis.call('DEL', KEYS[1])"
const mostMoves = 5

/**
 * Connects to the server that takes what is written now: the one Redis, the master that sentinels name, or the node of
 * a cluster that holds the gateway's slot. It has taken a key when this resolves. Rejects with what the last of the
 * addresses said.
 *
 * The library's own Sentinel client is not used: during a failover it holds commands back and sends them later, when
 * whoever asked has gone on without them, and a lock that such a command takes would be nobody's. Nor is its Cluster
 * client: all keys are in one slot, so that one connection is enough, and both modes behave alike.
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

/** Opens a connection and has a key taken, which a replica and a wrong node of a cluster refuse. */
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
  // Most sentinels ask for no password, and refuse one; those that ask get that of Redis.
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
    // A node that knows no host name of another leaves the host out: the port is then one of its own host.
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
    // What could not be asked at once is not asked later: the request has gone on without it.
    disableOfflineQueue: true,
    socket: tls ? { ...socket, tls: true } : socket
  })
  // Raised besides the rejections; a connection in use has a listener that acts on them.
  connection.on('error', () => {})
  return connection
}

/** Opens a connection and uses it; closes it again when that fails. */
async function opened<Value> (connection: RedisConnection, use: () => Promise<Value>): Promise<Value> {
  try {
    await connection.connect()
    return await use()
  } catch (error) {
    closeConnection(connection)
    throw error
  }
}

/** Closes a connection, if it is open still. */
export function closeConnection (connection: RedisConnection): void {
  if (connection.isOpen) connection.destroy()
}

/** Whether Redis answered, with an error: the connection is good, and the server does not do what it was asked for. */
export function isReply (error: unknown): error is ErrorReply {
  return error instanceof ErrorReply
}
