import { setMaxListeners } from 'node:events'
import type { Socket } from 'node:net'
import type { Dial } from './dial.js'

export interface ReadyConnectionOptions {
  dial: Dial
  /** How many connections to keep ready. */
  count: number
  /** Called for each connection that is added (1) or removed (-1). */
  changed: (by: 1 | -1) => void
  /**
   * All are closed when nobody has used the tenant for this long. Each is replaced at this age, because the tenant's
   * DNS name may have changed.
   */
  idleMs: number
}

interface Ready { socket: Socket, openedAt: number, forget: () => void }

/**
 * Warm connections to a tenant: connected, TLS included, and not used yet. They are kept while somebody uses the
 * tenant. One that is taken or breaks is replaced in the background.
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
  /** Set while the tenant is being used. */
  #review: NodeJS.Timeout | undefined

  constructor ({ dial, count, changed, idleMs }: ReadyConnectionOptions) {
    this.#dial = dial
    this.#count = count
    this.#changed = changed
    this.#idleMs = idleMs
    // Each connection that is being opened listens, and Node warns of a leak from the eleventh on.
    setMaxListeners(count, this.#leaving.signal)
  }

  /** Records that the tenant is being used. */
  use (): void {
    this.#usedAt = performance.now()
    if (this.#review !== undefined || this.#count === 0 || this.#leaving.signal.aborted) return
    this.#review = setInterval(() => { this.#look() }, this.#idleMs / 5).unref()
    this.#fill()
  }

  /**
   * Returns the newest live connection, which belongs to the caller from now on. Undefined if there is none, or none
   * younger than asked for.
   */
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
    // In the meantime the last user has left, or the connection has broken.
    if (this.#review === undefined || socket.destroyed) {
      socket.destroy()
      return
    }
    const die = (): void => {
      const lived = performance.now() - ready.openedAt
      ready.forget()
      socket.destroy()
      // A tenant that closes unused connections at once is tried again only at the next review or use, not in a loop.
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
    // Bytes that a server sends before it is asked must not be taken for an answer later. The end of the connection is
    // readable as well.
    socket.once('close', die).once('readable', die)
    this.#ready.push(ready)
    this.#changed(1)
  }
}
