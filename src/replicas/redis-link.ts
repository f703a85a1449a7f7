import type { FastifyBaseLogger } from 'fastify'
import { setTimeout as wait } from 'node:timers/promises'
import { createSignals, type Signals } from '../signals.js'
import type { Redis, RunScript } from './redis.js'
import { closeConnection, connectMaster, isReply, type RedisConnection } from './redis-master.js'
import { keyPrefix, type RedisServers } from './redis-servers.js'
import { within } from '../time-limit.js'

export interface RedisOptions {
  servers: RedisServers
  log: FastifyBaseLogger
  /** How long a command may take; a second unless set. */
  commandMs?: number | undefined
  /** After a connection that lasted for longer, the next attempt begins at once; ten seconds unless set. */
  steadyMs?: number
  signals?: Signals | undefined
}

// A peer that has vanished is noticed by its missing answers to pings.
const times = { connectMs: 2_000, silenceMs: 4_000, pingMs: 1_000 }
const probeMs = 500
const longestReconnectMs = 2_000

type Channel = [channel: string, hear: (message: string) => void]
type State = 'here' | 'away' | 'closed'

/**
 * Connects in the background, and again whenever the connection is lost or its server does not accept writes; each time
 * the master is looked up anew. The log says once that Redis is away, and once that it is back.
 */
export function connectRedis (options: RedisOptions): Redis {
  return new RedisLink(options)
}

class RedisLink implements Redis {
  readonly #servers: RedisServers
  readonly #log: FastifyBaseLogger
  readonly #commandMs: number
  readonly #steadyMs: number
  readonly #signals: Signals
  readonly prefix = keyPrefix
  readonly #channels = new Set<Channel>()
  readonly #arrivals = new Set<(run: RunScript) => Promise<void>>()
  #state: State = 'away'
  /** The connection in use; undefined while another is being opened. */
  #connection: RedisConnection | undefined
  #openedAt = 0
  /** How many attempts there were since the last good connection. */
  #attempts = 0
  /** A connection that is too slow, and is probed until it answers in time. */
  #probed: RedisConnection | undefined
  /** Whether the log says that Redis is away. */
  #missed = false

  constructor ({ servers, log, commandMs = 1_000, steadyMs = 10_000, signals = createSignals() }: RedisOptions) {
    this.#servers = servers
    this.#log = log
    this.#commandMs = commandMs
    this.#steadyMs = steadyMs
    this.#signals = signals
    signals.emit('redisChanged', 'away')
    this.#open().catch(this.#tellAway)
  }

  async run (script: string, keys: readonly string[], values: readonly string[]): Promise<unknown> {
    const connection = this.#connection
    if (this.#state !== 'here' || connection === undefined) return undefined
    try {
      return await this.#scriptsOf(connection)(script, keys, values)
    } catch (error) {
      this.#leave(connection, error as Error)
      return undefined
    }
  }

  send (script: string, keys: readonly string[], values: readonly string[]): void {
    this.run(script, keys, values).catch(this.#tellAway)
  }

  listen (channel: string, hear: (message: string) => void): () => void {
    const listening: Channel = [channel, hear]
    this.#channels.add(listening)
    this.#now(async connection => { await within(this.#commandMs, connection.subscribe(channel, hear)) })
    return () => {
      this.#channels.delete(listening)
      this.#now(async connection => { await within(this.#commandMs, connection.unsubscribe(channel, hear)) })
    }
  }

  onArrival (listener: (run: RunScript) => Promise<void>): () => void {
    this.#arrivals.add(listener)
    this.#now(async connection => { await listener(this.#scriptsOf(connection)) })
    return () => { this.#arrivals.delete(listener) }
  }

  /** Acts on the current connection. Without one, #arrive does the same for the next. */
  #now (act: (connection: RedisConnection) => Promise<void>): void {
    const connection = this.#connection
    if (this.#state !== 'here' || connection === undefined) return
    act(connection).catch((error: unknown) => { this.#leave(connection, error as Error) })
  }

  close = (): void => {
    this.#state = 'closed'
    if (this.#connection !== undefined) closeConnection(this.#connection)
  }

  /** Tries until there is a connection, or this is closed. */
  async #open (): Promise<void> {
    while (this.#state !== 'closed') {
      if (this.#attempts > 0) await wait(Math.min(longestReconnectMs, 50 * 2 ** this.#attempts), undefined, { ref: false })
      this.#attempts++
      const connection = await connectMaster(this.#servers, times).catch(this.#tellAway)
      if (connection !== undefined) {
        await this.#use(connection)
        return
      }
    }
  }

  async #use (connection: RedisConnection): Promise<void> {
    if (this.#state === 'closed') {
      closeConnection(connection)
      return
    }
    this.#connection = connection
    this.#openedAt = performance.now()
    connection.on('error', (error: Error) => { this.#leave(connection, error) })
    await this.#arrive(connection)
  }

  async #arrive (connection: RedisConnection): Promise<void> {
    // Before the listeners are called, so that what happens meanwhile is sent too.
    this.#state = 'here'
    try {
      // The library ignores a second subscription of the same listener.
      for (const [channel, hear] of this.#channels) await within(this.#commandMs, connection.subscribe(channel, hear))
      for (const listener of this.#arrivals) await listener(this.#scriptsOf(connection))
    } catch (error) {
      this.#leave(connection, error as Error)
    }
    if (this.#connection !== connection || !this.#isHere()) return
    if (this.#missed) this.#log.info('Redis is back')
    this.#missed = false
    this.#signals.emit('redisChanged', 'here')
  }

  /** After a failed command. A connection that is only too slow is kept and probed; any other is replaced. */
  #leave (connection: RedisConnection, error: Error): void {
    if (this.#state === 'closed' || this.#connection !== connection) return
    this.#tellAway(error)
    if (connection.isReady && !isReply(error)) {
      this.#probe(connection).catch(this.#tellAway)
      return
    }
    this.#connection = undefined
    closeConnection(connection)
    if (performance.now() - this.#openedAt > this.#steadyMs) this.#attempts = 0
    this.#open().catch(this.#tellAway)
  }

  readonly #tellAway = ({ message }: Error): void => {
    if (this.#state === 'closed') return
    this.#signals.emit('redisFailed')
    this.#signals.emit('redisChanged', 'away')
    if (!this.#missed) this.#log.warn({ failure: message }, 'Redis is away: the gateway goes on without it')
    this.#missed = true
    this.#state = 'away'
  }

  /** Probes a connection that is too slow until it answers in time, or is replaced. */
  async #probe (connection: RedisConnection): Promise<void> {
    if (this.#probed === connection) return
    this.#probed = connection
    while (this.#state === 'away' && this.#connection === connection) {
      await wait(probeMs, undefined, { ref: false })
      if (this.#state === 'away' && this.#connection === connection && await this.#answersInTime(connection)) await this.#arrive(connection)
    }
    if (this.#probed === connection) this.#probed = undefined
  }

  async #answersInTime (connection: RedisConnection): Promise<boolean> {
    const askedAt = performance.now()
    // Without a time limit, since unanswered pings would pile up.
    return await connection.ping().then(() => performance.now() - askedAt <= this.#commandMs, () => false)
  }

  #scriptsOf (connection: RedisConnection): RunScript {
    return async (script, keys, values) => (
      await within(this.#commandMs, connection.eval(script, { keys: [...keys], arguments: [...values] }))
    )
  }

  #isHere (): boolean {
    return this.#state === 'here'
  }
}
