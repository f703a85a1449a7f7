import type { Socket } from 'node:net'
import type { Dial } from './dial.js'

export interface ReadyConnectionOptions {
  dial: Dial
  /** How many stand ready. */
  count: number
  /** Told of each one more (1) and each one less (-1). */
  changed: (by: 1 | -1) => void
  /** They are let go when nobody has used the tenant for so long. None is older either: what the name of the tenant means may change. */
  idleMs: number
}

interface Ready { socket: Socket, openedAt: number, forget: () => void }

/**
 * Connections to a tenant that have carried nothing and stand ready, TLS and all, while somebody uses it. One that is taken, and one that
 * dies, is replaced in the background.
 */
export class ReadyConnections {
  readonly #dial: Dial
  readonly #count: number
  readonly #changed: (by: 1 | -1) => void
  readonly #idleMs: number
  readonly #leaving = new AbortController()
  /** Newest last. */
  #ready: Ready[] = []
  #opening = 0
  #usedAt = 0
  /** Runs while the tenant is used. */
  #review: NodeJS.Timeout | undefined

  constructor ({ dial, count, changed, idleMs }: ReadyConnectionOptions) {
    this.#dial = dial
    this.#count = count
    this.#changed = changed
    this.#idleMs = idleMs
  }

  /** Says that the tenant is being used. */
  use (): void {
    this.#usedAt = performance.now()
    if (this.#review !== undefined || this.#count === 0 || this.#leaving.signal.aborted) return
    this.#review = setInterval(() => { this.#look() }, this.#idleMs / 5).unref()
    this.#fill()
  }

  /** The newest that is alive, for who takes care of it from now on; undefined where none is, or none is as young as is wanted. */
  take (youngerThanMs = Infinity): Socket | undefined {
    const newest = this.#ready.findLast(({ socket }) => !socket.destroyed)
    if (newest !== undefined && performance.now() - newest.openedAt >= youngerThanMs) return undefined
    newest?.forget()
    this.#fill()
    return newest?.socket
  }

  close (): void {
    this.#leaving.abort()
    this.#rest()
  }

  #look (): void {
    const now = performance.now()
    if (now - this.#usedAt >= this.#idleMs) {
      this.#rest()
      return
    }
    for (const { socket, openedAt } of [...this.#ready]) if (now - openedAt >= this.#idleMs) socket.destroy()
    this.#fill()
  }

  #rest (): void {
    clearInterval(this.#review)
    this.#review = undefined
    for (const { socket, forget } of [...this.#ready]) {
      forget()
      socket.destroy()
    }
  }

  #fill (): void {
    while (this.#review !== undefined && this.#ready.length + this.#opening < this.#count) this.#open()
  }

  #open (): void {
    this.#opening++
    this.#dial(this.#leaving.signal).then(socket => { this.#keep(socket) }, () => {}).finally(() => { this.#opening-- })
  }

  #keep (socket: Socket): void {
    // The last user has left meanwhile, or it has broken.
    if (this.#review === undefined || socket.destroyed) {
      socket.destroy()
      return
    }
    const die = (): void => {
      const lived = performance.now() - ready.openedAt
      ready.forget()
      socket.destroy()
      // A tenant that closes at once what carries nothing, or takes no connection, is tried again at the next review or use only.
      if (lived >= this.#idleMs / 60) this.#fill()
    }
    const ready: Ready = {
      socket,
      openedAt: performance.now(),
      forget: () => {
        socket.off('close', die).off('readable', die)
        this.#ready.splice(this.#ready.indexOf(ready), 1)
        this.#changed(-1)
      }
    }
    // What a server sends before it is asked is no answer to what is asked later; and its end is readable too.
    socket.once('close', die).once('readable', die)
    this.#ready.push(ready)
    this.#changed(1)
  }
}
