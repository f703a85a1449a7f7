import type { FastifyBaseLogger } from 'fastify'
import { setTimeout as wait } from 'node:timers/promises'
import { createSignals, type Signals } from '../signals.js'
import { closeConnection, connectMaster, isReply, type RedisConnection } from './redis-master.js'
import { keyPrefix, type RedisServers } from './redis-servers.js'

/** Redis as this gateway uses it: every command within a limit of time, and nobody waits for one that is away. */
export interface Redis {
  /** What all names of keys and channels begin with: a tenant's own where there are several. */
  readonly prefix: string
  /** What a script answers; undefined when Redis is away or does not answer in time. Redis itself never answers undefined. */
  run: RunScript
  /** Runs a script for whose answer nobody waits. */
  send (script: string, keys: readonly string[], values: readonly string[]): void
  /** Calls `hear` with each message of a channel, until the answer is called. */
  listen (channel: string, hear: (message: string) => void): () => void
  /** Runs now, if Redis is here, and at each (re)connection, behind the subscriptions; its scripts reject when they fail. The answer ends it. */
  onArrival (listener: (run: RunScript) => Promise<void>): () => void
  /** Leaves. Commands under way end as if Redis were away. */
  close: () => void
}

/** Runs a script on these keys with these values. */
export type RunScript = (script: string, keys: readonly string[], values: readonly string[]) => Promise<unknown>

export interface RedisOptions {
  servers: RedisServers
  log: FastifyBaseLogger
  /** How long a command may take; a second unless set. */
  commandMs?: number
  signals?: Signals | undefined
}

// A peer that has vanished without a word is noticed by the pings that it does not answer.
const times = { connectMs: 2_000, silenceMs: 4_000, pingMs: 1_000 }
const probeMs = 500
const longestReconnectMs = 2_000
// A connection that lasted for so long was good: the next attempt begins without a wait.
const steadyMs = 10_000

type Channel = [channel: string, hear: (message: string) => void]
type State = 'here' | 'away' | 'closed'

/**
 * Connects in the background, and again whenever the connection is lost or its server does not take what is written: the master is found
 * anew each time. Says once in the log that Redis went, and once that it is back.
 */
export function connectRedis (options: RedisOptions): Redis {
  return new RedisLink(options)
}

class RedisLink implements Redis {
  readonly #servers: RedisServers
  readonly #log: FastifyBaseLogger
  readonly #commandMs: number
  readonly #signals: Signals
  readonly prefix = keyPrefix
  readonly #channels = new Set<Channel>()
  readonly #arrivals = new Set<(run: RunScript) => Promise<void>>()
  #state: State = 'away'
  /** The one in use; undefined while another is being opened. */
  #connection: RedisConnection | undefined
  #openedAt = 0
  /** How often it was opened, or tried to, since the last one that was good. */
  #attempts = 0
  /** The one that is too slow, and asked whether it still is. */
  #probed: RedisConnection | undefined
  /** Whether the log says that it is away; at the start nobody has missed it yet. */
  #missed = false

  constructor ({ servers, log, commandMs = 1_000, signals = createSignals() }: RedisOptions) {
    this.#servers = servers
    this.#log = log
    this.#commandMs = commandMs
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

  /** Does what a connection that comes later does at its arrival. */
  #now (act: (connection: RedisConnection) => Promise<void>): void {
    const connection = this.#connection
    if (this.#state === 'here' && connection !== undefined) act(connection).catch((error: unknown) => { this.#leave(connection, error as Error) })
  }

  close = (): void => {
    this.#state = 'closed'
    if (this.#connection !== undefined) closeConnection(this.#connection)
  }

  /** Tries until there is a connection, or the end. */
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
    // From here on what is told goes out: the arrivals below may have been told too little by then.
    this.#state = 'here'
    try {
      // The library keeps one subscription for a listener.
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

  /** Of a connection that is not in use any more, nothing is told. One that is too slow is kept; any other is replaced. */
  #leave (connection: RedisConnection, error: Error): void {
    if (this.#state === 'closed' || this.#connection !== connection) return
    this.#tellAway(error)
    if (connection.isReady && !isReply(error)) {
      this.#probe(connection).catch(this.#tellAway)
      return
    }
    this.#connection = undefined
    closeConnection(connection)
    if (performance.now() - this.#openedAt > steadyMs) this.#attempts = 0
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

  /** Asks a connection that is too slow until it answers in time, or is replaced. */
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
    // Not cut at the limit: pings that nobody answers would pile up.
    return await connection.ping().then(() => performance.now() - askedAt <= this.#commandMs, () => false)
  }

  #scriptsOf (connection: RedisConnection): RunScript {
    return async (script, keys, values) => await within(this.#commandMs, connection.eval(script, { keys: [...keys], arguments: [...values] }))
  }

  #isHere (): boolean {
    return this.#state === 'here'
  }
}

async function within<Value> (limitMs: number, value: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    // After a busy moment of this process the timer comes first, though the answer may wait in the socket: it is read before the immediate.
    timer = setTimeout(() => setImmediate(reject, new Error(`no answer within ${limitMs} ms`)), limitMs)
  })
  try {
    return await Promise.race([value, late])
  } finally {
    clearTimeout(timer)
  }
}
