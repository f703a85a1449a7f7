import type { Duplex } from 'node:stream'
import { closeFrame, createFrameTracker } from './frames.js'
import type { SocketLife } from '../signals.js'

/** Two connections of one WebSocket, joined: bytes pass as they are, each side no faster than the other takes them. */
export interface Splice {
  /** Ends the WebSocket towards the browser with a close frame of the gateway's own, at the next boundary between frames. */
  close (code: number, reason: string): void
}

export interface SpliceOptions {
  browser: Duplex
  tenant: Duplex
  /** What the tenant sent right behind its answer to the upgrade. */
  fromTenant: Buffer
  /** What the browser sent before it had its answer. */
  fromBrowser: Buffer
  /** Called once, when neither connection is left: who ended it, and by which close code (RFC 6455, section 7.4). */
  onClosed: (by: SocketLife['by'], code: number) => void
}

/** Qlik's clients resume their engine session by themselves after this close code. */
export const closeResumable = 4003
/** Qlik's close code for a login that has ended. */
export const closeLoginEnded = 4006

// What a WebSocket without a close frame reports.
const lost = 1006

// For a close frame that waits for the rest of another frame, and for a browser that does not answer it.
const patienceMs = 5_000

export function splice ({ browser, tenant, fromTenant, fromBrowser, onClosed }: SpliceOptions): Splice {
  const tracker = createFrameTracker()
  const clientTracker = createFrameTracker()
  let wanted: Buffer | undefined
  let endedBy: SocketLife['by'] | undefined
  let ownCode = lost
  let left = 2

  function toBrowser (chunk: Buffer): void {
    if (wanted === undefined) {
      tracker.push(chunk)
      if (tracker.closed) endedBy ??= 'tenant'
      if (!browser.write(chunk)) tenant.pause()
      return
    }
    const rest = tracker.restOfFrame(chunk)
    browser.write(rest === undefined ? chunk : chunk.subarray(0, rest))
    if (rest !== undefined) finish(wanted)
  }

  /** The last frame towards the browser; what it still sends is read and dropped, or its own close frame would be answered by a reset. */
  function finish (frame: Buffer): void {
    tenant.off('data', toBrowser).destroy()
    browser.off('data', toTenant).resume()
    browser.end(frame)
    setTimeout(() => browser.destroy(), patienceMs).unref()
  }

  function toTenant (chunk: Buffer): void {
    clientTracker.push(chunk)
    if (clientTracker.closed) endedBy ??= 'client'
    if (!tenant.write(chunk)) browser.pause()
  }

  function close (code: number, reason: string): void {
    if (wanted !== undefined || tracker.closed) return
    endedBy ??= 'gateway'
    ownCode = code
    wanted = closeFrame(code, reason)
    if (tracker.between) finish(wanted)
    else setTimeout(() => browser.destroy(), patienceMs).unref()
  }

  function tenantGone (): void {
    if (wanted !== undefined) return
    endedBy ??= 'tenant'
    if (tracker.closed) browser.end()
    // In the middle of a frame nothing can be said any more: the browser sees the connection break, as it did.
    else if (tracker.between) close(closeResumable, 'The connection to the tenant was lost.')
    else browser.destroy()
  }

  function oneClosed (): void {
    if (--left > 0) return
    if (endedBy === 'client') onClosed('client', clientTracker.closeCode ?? lost)
    else onClosed(endedBy as SocketLife['by'], tracker.closeCode ?? ownCode)
  }

  for (const [side, other] of [[browser, tenant], [tenant, browser]] as const) {
    side.on('drain', () => other.resume())
    side.on('error', () => side.destroy())
    side.once('close', oneClosed)
  }
  tenant.on('data', toBrowser)
  tenant.once('end', tenantGone)
  tenant.once('close', tenantGone)
  browser.on('data', toTenant).resume()
  browser.once('end', () => {
    endedBy ??= 'client'
    tenant.end()
  })
  browser.once('close', () => {
    endedBy ??= 'client'
    tenant.destroy()
  })
  if (fromTenant.length > 0) toBrowser(fromTenant)
  if (fromBrowser.length > 0) toTenant(fromBrowser)
  return { close }
}
