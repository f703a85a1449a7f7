import { EventEmitter } from 'node:events'
import type { SignalMap } from './signal-map.js'

export * from './signal-map.js'

/** The signals of one gateway. */
export type Signals = EventEmitter<SignalMap>

/** An emitter for one gateway. A listener that fails does no harm to the request that it is called for. */
export function createSignals (): Signals {
  return new GuardedEmitter()
}

/**
 * Catches what listeners throw, and what their promises reject with, and signals it as `listenerFailed`. With a plain
 * EventEmitter it would end the request or the process, and the remaining listeners would not be called.
 */
class GuardedEmitter extends EventEmitter<SignalMap> {
  override emit<Name>(name: Name & keyof SignalMap, ...args: unknown[]): boolean {
    const listeners = this.rawListeners(name)
    for (const listener of listeners) {
      try {
        const outcome: unknown = Reflect.apply(listener, this, args)
        if (outcome instanceof Promise) outcome.catch((error: unknown) => { this.#fail(name, error) })
      } catch (error) {
        this.#fail(name, error)
      }
    }
    return listeners.length > 0
  }

  #fail (name: keyof SignalMap, error: unknown): void {
    // A failing listener of this very signal would be called for ever.
    if (name !== 'listenerFailed') this.emit('listenerFailed', name, error)
  }
}

/**
 * The signals of one of several tenants. What it emits reaches the listeners of the gateway, with the tenant's name
 * added; what listens to it listens to the gateway.
 */
export function tenantSignals (signals: Signals, name: string | undefined): Signals {
  return name === undefined ? signals : new TenantEmitter(signals, name)
}

type SignalListener<Name> = Name extends keyof SignalMap ? (...args: SignalMap[Name]) => void : never

class TenantEmitter extends EventEmitter<SignalMap> {
  readonly #gateway: Signals
  readonly #name: string

  constructor (gateway: Signals, name: string) {
    super()
    this.#gateway = gateway
    this.#name = name
  }

  override emit<Name>(name: Name & keyof SignalMap, ...args: unknown[]): boolean {
    return (this.#gateway as EventEmitter).emit(name, ...args, this.#name)
  }

  override on<Name>(name: keyof SignalMap | Name, listener: SignalListener<Name>): this {
    this.#gateway.on(name, listener)
    return this
  }

  override off<Name>(name: keyof SignalMap | Name, listener: SignalListener<Name>): this {
    this.#gateway.off(name, listener)
    return this
  }
}
