import { randomFillSync } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import { limitErrors } from './errors/limit.js'
import { permissionErrors } from './errors/permission.js'
import { requestErrors } from './errors/request.js'
import { signInErrors } from './errors/sign-in.js'
import { tenantErrors } from './errors/tenant.js'

/** Every error that the gateway raises, by its stable code. */
export const errorTable = { ...requestErrors, ...signInErrors, ...permissionErrors, ...limitErrors, ...tenantErrors } as const

/** The code of an error, which stays the same from version to version. */
export type ErrorCode = keyof typeof errorTable

interface ErrorExtras {
  cause?: unknown
  /** Seconds for the Retry-After header, whole. */
  retryAfterSeconds?: number
}

/** An error of the table. `operate/answer` turns it into a response: JSON for programs, a page for people. */
export class GatewayError extends Error {
  override name = 'GatewayError'
  readonly code: ErrorCode
  readonly statusCode: number
  readonly retryAfterSeconds: number | undefined
  /** Where the button "sign in again" on the page of this error leads back to. */
  beginAgainAt: string | undefined

  constructor (code: ErrorCode, extras: ErrorExtras = {}) {
    super(errorTable[code].title, extras.cause === undefined ? undefined : { cause: extras.cause })
    this.code = code
    this.statusCode = errorTable[code].status
    this.retryAfterSeconds = extras.retryAfterSeconds
  }
}

export interface ErrorBody {
  /** What Qlik's own client looks for at the top level to fetch a new CSRF token and try once more. */
  code?: 'CSRF-TOKEN-2'
  errors: [{ code: ErrorCode, title: string, detail: string, status: string }]
  traceId: string
}

/** A whole answer of HTTP/1.1 that ends its connection, for what never became a request. */
export function renderErrorAnswer (code: ErrorCode): string {
  const { status } = errorTable[code]
  const body = JSON.stringify(describeError(code, createTraceId()))
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body
  ].join('\r\n')
}

const traceIdBytes = 16
// Random bytes for 256 ids at a time: a call of the generator costs more than an id.
const randomBytes = Buffer.alloc(256 * traceIdBytes)
let usedBytes = randomBytes.length

/** A new reference for one request and its log lines, in the form of W3C trace ids. */
export function createTraceId (): string {
  if (usedBytes === randomBytes.length) {
    randomFillSync(randomBytes)
    usedBytes = 0
  }
  usedBytes += traceIdBytes
  return randomBytes.toString('hex', usedBytes - traceIdBytes, usedBytes)
}

/** The body of an error in the shape of Qlik's own APIs. */
export function describeError (code: ErrorCode, traceId: string): ErrorBody {
  const { status, title, detail } = errorTable[code]
  return {
    ...(code === 'GW-CSRF-TOKEN' ? { code: 'CSRF-TOKEN-2' as const } : {}),
    errors: [{ code, title, detail, status: String(status) }],
    traceId
  }
}
