import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { pathOf } from './names.js'
import { Refusal, sendRefusal } from './errors.js'

/** A simulated failure. The first fault that matches a request applies. */
export interface Fault {
  /** A prefix of the path, or a regular expression for path and query. */
  path: string | RegExp
  method?: string
  /**
   * Only for this grant type at the token endpoint. Checked after the body has been read and the rate limit applied.
   */
  grantType?: string
  /** How often it occurs. Unlimited by default. */
  times?: number
  /** Delays the request. Without another effect it then continues normally. */
  delayMs?: number
  /** Delays the request until this is fulfilled. For tests in the tenant's own process. */
  until?: Promise<unknown>
  /** Holds the end of the answer back until this is fulfilled: the request has taken effect by then. For such tests too. */
  answerUntil?: Promise<unknown>
  /** Answers with this status. */
  status?: number
  /** The body for `status`. By default an error in Qlik's format. */
  body?: unknown
  headers?: Record<string, string>
  /** Value of `Retry-After` for `status`. */
  retryAfter?: string | number
  /** Resets the connection instead of answering. */
  reset?: boolean
  /** Sends this many bytes of the body, then resets the connection. A shorter answer is not affected. */
  truncate?: number
  /** Closes the WebSocket with this code, `delayMs` after it opened. */
  closeCode?: number
  closeReason?: string
}

/** Faults and how often each of them still occurs. */
export class FaultList {
  readonly faults: Fault[] = []

  add (fault: Fault): void {
    this.faults.push({ ...fault })
  }

  clear (): void {
    this.faults.length = 0
  }

  /**
   * Finds the fault for a request and counts it. With a grant type only faults for that type are found, without one
   * only the others.
   */
  take (req: IncomingMessage, grantType?: string): Fault | undefined {
    const fault = this.faults.find(({ path, method, grantType: wanted }) => {
      if (wanted !== grantType) return false
      if (method && method.toUpperCase() !== req.method) return false
      return typeof path === 'string' ? pathOf(req).startsWith(path) : path.test(req.url ?? '')
    })
    if (fault?.times !== undefined && --fault.times <= 0) this.faults.splice(this.faults.indexOf(fault), 1)
    return fault
  }
}

/** Applies a fault to a request. Returns true if it answered the request or reset its connection. */
export async function applyFault (fault: Fault, req: IncomingMessage, res: ServerResponse): Promise<boolean> {
  if (fault.delayMs) await wait(fault.delayMs)
  await fault.until
  if (fault.reset) {
    resetSocket(req.socket)
    return true
  }
  if (fault.truncate !== undefined) truncateAnswer(res, fault.truncate)
  if (fault.answerUntil !== undefined) holdAnswer(res, fault.answerUntil)
  if (fault.status === undefined) return false
  sendFault(fault, fault.status, res)
  return true
}

/** Ends a connection with a TCP reset. */
export function resetSocket (socket: Socket): void {
  socket.resetAndDestroy()
}

function sendFault (fault: Fault, status: number, res: ServerResponse): void {
  const headers = { ...fault.headers, ...(fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) }) }
  if (fault.body === undefined) {
    sendRefusal(res, new Refusal(status, 'SANDBOX-FAULT', 'Fault', 'A fault that was set by the sandbox controls.', headers))
    return
  }
  const body = typeof fault.body === 'string' ? fault.body : JSON.stringify(fault.body)
  res.writeHead(status, { 'content-type': typeof fault.body === 'string' ? 'text/plain' : 'application/json', ...headers })
  res.end(body)
}

function holdAnswer (res: ServerResponse, until: Promise<unknown>): void {
  const end = res.end.bind(res)
  res.end = (chunk?: unknown) => {
    until.then(() => end(chunk), () => res.destroy())
    return res
  }
}

function truncateAnswer (res: ServerResponse, bytes: number): void {
  let left = bytes
  const write = res.write.bind(res)
  const end = res.end.bind(res)
  const pass = (chunk: unknown): void => {
    if (left < 0) return
    const buffer = typeof chunk === 'string' ? Buffer.from(chunk) : chunk as Buffer
    const part = buffer.subarray(0, left)
    left -= buffer.length
    if (left >= 0) write(part)
    else write(part, () => { res.socket?.resetAndDestroy() })
  }
  res.write = (chunk: unknown) => {
    pass(chunk)
    return true
  }
  res.end = (chunk?: unknown) => {
    if (typeof chunk === 'string' || Buffer.isBuffer(chunk)) pass(chunk)
    return left < 0 ? res : end()
  }
}
