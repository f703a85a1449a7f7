import type { Duplex } from 'node:stream'
import type { EngineGuard } from '../policy/engine/guard.js'
import type { SocketLife } from '../signals.js'
import { closeLost, closeResumable } from './close-codes.js'
import { closeFrame, createFrameTracker } from './frames.js'

export interface SpliceOptions {
  /** The browser's connection, paused. */
  browser: Duplex
  tenant: Duplex
  /** The bytes that came directly after the tenant's answer to the upgrade. */
  fromTenant: Buffer
  /** The bytes that the browser sent before it got its answer. */
  fromBrowser: Buffer
  /** Reads what the browser sends, and decides what reaches the tenant. Without a guard everything does. */
  guard?: Pick<EngineGuard, 'push'> | undefined
  /**
   * Called once, when both connections are closed: which side ended them, and the close code (RFC 6455, section 7.4).
   */
  onClosed: (by: SocketLife['by'], code: number) => void
}

// The time from the first sign of an end until both connections are destroyed, whatever either side does.
const endMs = 5_000
// While one side does not take data, the other side is not read, so its end would not be noticed.
const mostHeldMs = 60_000

/**
 * Joins the two connections of one WebSocket. Bytes pass unchanged, each side no faster than the other takes them.
 * When one side ends, with or without a close frame, the other is closed within five seconds. If one side takes no data
 * for a minute, both are closed.
 */
export class Splice {
  readonly #options: SpliceOptions
  readonly #toBrowser = createFrameTracker()
  readonly #toTenant = createFrameTracker()
  /**
   * `completing`: the gateway's own close frame waits for the end of the current frame. `closed`: it has been sent, and
   * further input from the browser is discarded.
   */
  #state: 'open' | 'completing' | 'closed' = 'open'
  #ownFrame: Buffer = Buffer.alloc(0)
  #ownCode = closeLost
  /** Answers of the guard that wait for the end of the tenant's current message. */
  #answers: Buffer[] = []
  /** Whether reading from the browser is paused, because it has not taken the guard's answers. */
  #isUnheard = false
  #endedBy: SocketLife['by'] | undefined
  #endTimer: NodeJS.Timeout | undefined
  /** Since when a side has not taken the data that waits for it. */
  readonly #heldSince = new Map<Duplex, number>()
  #connections = 2

  constructor (options: SpliceOptions) {
    const { browser, tenant, fromBrowser, fromTenant } = this.#options = options
    for (const side of [browser, tenant]) {
      side.on('error', () => side.destroy())
      side.once('close', () => { this.#loseConnection() })
      side.on('drain', () => { this.#heldSince.delete(side) })
    }
    tenant.on('drain', () => { if (!this.#isUnheard) browser.resume() })
    browser.on('drain', () => {
      tenant.resume()
      if (this.#isUnheard && this.#answers.length === 0) this.#hearAgain()
    })
    tenant.on('data', (chunk: Buffer) => { this.#passToBrowser(chunk) })
    tenant.once('end', () => { this.#loseTenant() }).once('close', () => { this.#loseTenant() })
    browser.on('data', (chunk: Buffer) => { this.#passToTenant(chunk) }).resume()
    browser.once('end', () => {
      this.#beginEnd('client')
      tenant.end()
    })
    browser.once('close', () => {
      this.#beginEnd('client')
      tenant.destroy()
    })
    if (fromTenant.length > 0) this.#passToBrowser(fromTenant)
    if (fromBrowser.length > 0) this.#passToTenant(fromBrowser)
  }

  /** Ends the WebSocket towards the browser with the gateway's own close frame, at the next frame boundary. */
  close (code: number, reason: string): void {
    if (this.#state !== 'open' || this.#toBrowser.closed) return
    this.#beginEnd('gateway')
    this.#ownCode = code
    this.#ownFrame = closeFrame(code, reason)
    this.#state = 'completing'
    if (this.#toBrowser.between) this.#sendOwnFrame()
  }

  /** To be called regularly: destroys both connections if one side has taken nothing for a minute (monotonic clock). */
  endHeld (now: number): void {
    const { browser, tenant } = this.#options
    for (const side of [browser, tenant]) {
      if (!side.writableNeedDrain) continue
      const since = this.#heldSince.get(side) ?? now
      this.#heldSince.set(side, since)
      if (now - since >= mostHeldMs) this.#cut('gateway')
    }
  }

  #passToBrowser (chunk: Buffer): void {
    const { browser, tenant } = this.#options
    if (this.#state === 'open') {
      const rest = this.#answers.length > 0 ? this.#toBrowser.restOfMessage(chunk) : undefined
      if (rest !== undefined && rest < chunk.length) {
        browser.write(chunk.subarray(0, rest))
        this.#sendAnswers()
        this.#passToBrowser(chunk.subarray(rest))
        return
      }
      if (this.#answers.length === 0) this.#toBrowser.push(chunk)
      if (this.#toBrowser.closed) this.#beginEnd('tenant')
      if (!browser.write(chunk)) tenant.pause()
      this.#sendAnswers()
    } else if (this.#state === 'completing') {
      const rest = this.#toBrowser.restOfFrame(chunk)
      browser.write(rest === undefined ? chunk : chunk.subarray(0, rest))
      if (rest !== undefined) this.#sendOwnFrame()
    }
  }

  #passToTenant (chunk: Buffer): void {
    // Read and discarded: unread input would turn the end into a reset, which can discard what was sent.
    if (this.#state === 'closed') return
    const { guard } = this.#options
    if (guard === undefined) {
      this.#writeToTenant(chunk)
      return
    }
    const { toTenant, toBrowser, end } = guard.push(chunk)
    for (const bytes of toTenant) this.#writeToTenant(bytes)
    this.#answers.push(...toBrowser)
    this.#sendAnswers()
    if (end !== undefined) this.close(end.code, end.reason)
  }

  #writeToTenant (bytes: Buffer): void {
    const { browser, tenant } = this.#options
    this.#toTenant.push(bytes)
    if (this.#toTenant.closed) this.#beginEnd('client')
    if (!tenant.write(bytes)) browser.pause()
  }

  /** Sends the guard's answers between messages of the tenant. Reading pauses while the browser does not take them. */
  #sendAnswers (): void {
    if (this.#answers.length === 0) return
    const { browser } = this.#options
    this.#isUnheard = true
    browser.pause()
    if (this.#state !== 'open' || !this.#toBrowser.betweenMessages) return
    const answers = Buffer.concat(this.#answers)
    this.#answers = []
    if (browser.write(answers)) this.#hearAgain()
  }

  #hearAgain (): void {
    const { browser, tenant } = this.#options
    this.#isUnheard = false
    if (!tenant.writableNeedDrain) browser.resume()
  }

  #sendOwnFrame (): void {
    const { browser, tenant } = this.#options
    this.#state = 'closed'
    tenant.destroy()
    browser.resume().end(this.#ownFrame)
  }

  #loseTenant (): void {
    if (this.#state !== 'open') return
    const { browser } = this.#options
    this.#beginEnd('tenant')
    if (this.#toBrowser.closed) browser.end()
    // Inside a frame no close frame can be sent: the browser sees the connection break, which is what happened.
    else if (this.#toBrowser.between) this.close(closeResumable, 'The connection to the tenant was lost.')
    else browser.destroy()
  }

  #beginEnd (by: SocketLife['by']): void {
    this.#endedBy ??= by
    this.#endTimer ??= setTimeout(() => { this.#cut(by) }, endMs).unref()
  }

  #cut (by: SocketLife['by']): void {
    this.#endedBy ??= by
    this.#state = 'closed'
    this.#options.browser.destroy()
    this.#options.tenant.destroy()
  }

  #loseConnection (): void {
    if (--this.#connections > 0) return
    clearTimeout(this.#endTimer)
    const by = this.#endedBy as SocketLife['by']
    this.#options.onClosed(by, by === 'client' ? this.#toTenant.closeCode ?? closeLost : this.#toBrowser.closeCode ?? this.#ownCode)
  }
}
