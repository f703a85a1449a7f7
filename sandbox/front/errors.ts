import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'

/** The body of an error as Qlik Cloud writes it. */
export interface ErrorBody {
  errors: { code: string, title: string, detail: string, status: string }[]
  traceId: string
}

/** A refusal with its HTTP status, code and texts. `headers` are added to the response. */
export class Refusal extends Error {
  readonly statusCode: number
  readonly code: string
  readonly title: string
  readonly headers: Record<string, string>

  constructor (statusCode: number, code: string, title: string, detail: string, headers: Record<string, string> = {}) {
    super(detail)
    this.statusCode = statusCode
    this.code = code
    this.title = title
    this.headers = headers
  }

  /** The refusal as a body, with a trace id of its own. */
  toBody (): ErrorBody {
    return {
      errors: [{ code: this.code, title: this.title, detail: this.message, status: String(this.statusCode) }],
      traceId: randomBytes(16).toString('hex')
    }
  }
}

/** Writes a refusal to a response that has not been started. */
export function sendRefusal (res: ServerResponse, refusal: Refusal): void {
  const body = JSON.stringify(refusal.toBody())
  res.writeHead(refusal.statusCode, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...refusal.headers
  })
  res.end(body)
}
