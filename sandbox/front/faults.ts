import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { pathOf } from './names.js'
import { Refusal, sendRefusal } from './errors.js'

/** Something that goes wrong on purpose. The first fault that matches a request is used. */
export interface Fault {
  /** Prefix of the path, or an expression for path and query. */
  path: string | RegExp
  method?: string
  /** For this grant type alone, at the token endpoint: judged when the body was read, and the rate of calls with it. */
  grantType?: string
  /** How often it happens; unlimited when absent. */
  times?: number
  /** Waits first; with nothing else given the request then goes its way. */
  delayMs?: number
  /** Answers with this status instead of the tenant's answer. */
  status?: number
  /** Body for `status`; Qlik's error shape when absent. */
  body?: unknown
  headers?: Record<string, string>
  /** Value of `Retry-After` for `status`. */
  retryAfter?: string | number
  /** Resets the connection instead of an answer. */
  reset?: boolean
  /** Passes so many bytes of the answer's body, then resets the connection; a shorter answer passes whole. */
  truncate?: number
  /** Closes the WebSocket with this code, `delayMs` after it was opened. */
  closeCode?: number
  closeReason?: string
}

/** Faults that are waiting for their requests. */
export class FaultList {
  readonly faults: Fault[] = []

  add (fault: Fault): void {
    this.faults.push({ ...fault })
  }

  clear (): void {
    this.faults.length = 0
  }

  /** Finds the fault for a request and counts it as used. Those for a grant type are found only when one is given, and no others then. */
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

/** Applies a fault to a request; true when the request was answered or cut by it. */
export async function applyFault (fault: Fault, req: IncomingMessage, res: ServerResponse): Promise<boolean> {
  if (fault.delayMs) await wait(fault.delayMs)
  if (fault.reset) {
    resetSocket(req.socket)
    return true
  }
  if (fault.truncate !== undefined) truncateAnswer(res, fault.truncate)
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
