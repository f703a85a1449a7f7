import { createClient } from '@redis/client'
import type { FastifyBaseLogger } from 'fastify'
import { setTimeout as wait } from 'node:timers/promises'
import { createSignals, type Signals } from '../signals.js'

/** Redis as this gateway uses it: every command within a limit of time, and nobody waits for one that is away. */
export interface Redis {
  /** What a script answers; undefined when Redis is away or does not answer in time. Redis itself never answers undefined. */
  run: RunScript
  /** Runs a script for whose answer nobody waits. */
  send (script: string, keys: readonly string[], values: readonly string[]): void
  /** Calls `hear` with each message of a channel. */
  listen (channel: string, hear: (message: string) => void): void
  /** Runs at each (re)connection, behind the subscriptions; its scripts reject when they fail. */
  onArrival (listener: (run: RunScript) => Promise<void>): void
  /** Leaves. Commands under way end as if Redis were away. */
  close: () => void
}

/** Runs a script on these keys with these values. */
export type RunScript = (script: string, keys: readonly string[], values: readonly string[]) => Promise<unknown>

export interface RedisOptions {
  url: string
  log: FastifyBaseLogger
  /** How long a command may take; a second unless set. */
  commandMs?: number
  signals?: Signals | undefined
}

const connectMs = 2_000
const pingMs = 1_000
// A peer that has vanished without a word is noticed by the pings that it does not answer.
const silenceMs = 4_000
const probeMs = 500
const longestReconnectMs = 2_000

type State = 'here' | 'away' | 'closed'

/** Connects in the background, and again whenever the connection is lost. Says once in the log that Redis went, and once that it is back. */
export function connectRedis ({ url, log, commandMs = 1_000, signals = createSignals() }: RedisOptions): Redis {
  const client = createClient({
    url,
    // What could not be asked at once is not asked later: the request has gone on without it.
    disableOfflineQueue: true,
    pingInterval: pingMs,
    socket: { connectTimeout: connectMs, socketTimeout: silenceMs, reconnectStrategy: retries => Math.min(longestReconnectMs, 50 * 2 ** retries) }
  })
  const channels: [channel: string, hear: (message: string) => void][] = []
  const arrivals: ((run: RunScript) => Promise<void>)[] = []
  let state: State = 'away'
  // At the start nobody has missed it yet.
  let missed = false
  let probing = false
  signals.emit('redisChanged', state)

  const run: RunScript = async (script, keys, values) =>
    await within(commandMs, client.eval(script, { keys: [...keys], arguments: [...values] }))

  function leave (error: Error): void {
    if (state === 'closed') return
    signals.emit('redisFailed')
    signals.emit('redisChanged', 'away')
    if (!missed) log.warn({ failure: error.message }, 'Redis is away: the gateway goes on without it')
    missed = true
    state = 'away'
    probe().catch(leave)
  }

  async function arrive (): Promise<void> {
    // From here on what is told goes out: the arrivals below may have been told too little by then.
    state = 'here'
    try {
      // The library keeps one subscription for a listener, and renews it with each connection.
      for (const [channel, hear] of channels) await within(commandMs, client.subscribe(channel, hear))
      for (const listener of arrivals) await listener(run)
      if (missed) log.info('Redis is back')
      missed = false
      state = 'here'
      signals.emit('redisChanged', state)
    } catch (error) {
      leave(error as Error)
    }
  }

  /** A Redis that is connected and too slow comes back when it answers in time again; one that is not, with its connection. */
  async function probe (): Promise<void> {
    if (probing) return
    probing = true
    while (state === 'away' && client.isReady) {
      await wait(probeMs, undefined, { ref: false })
      if (state === 'away' && client.isReady && await answersInTime()) await arrive()
    }
    probing = false
  }

  async function answersInTime (): Promise<boolean> {
    const askedAt = performance.now()
    // Not cut at the limit: pings that nobody answers would pile up.
    return await client.ping().then(() => performance.now() - askedAt <= commandMs, () => false)
  }

  client.on('error', leave)
  client.on('ready', arrive)
  // The strategy never gives up, so this ends by close() alone.
  client.connect().catch(leave)

  return {
    async run (script, keys, values) {
      if (state !== 'here') return undefined
      try {
        return await run(script, keys, values)
      } catch (error) {
        leave(error as Error)
        return undefined
      }
    },
    send (script, keys, values) {
      if (state === 'here') run(script, keys, values).catch(leave)
    },
    listen (channel, hear) { channels.push([channel, hear]) },
    onArrival (listener) { arrivals.push(listener) },
    close () {
      state = 'closed'
      client.destroy()
    }
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
