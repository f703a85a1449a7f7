import type { IncomingMessage } from 'node:http'

/** A request or upgrade that the tenant received. */
export interface LoggedRequest {
  at: number
  method: string
  /** Path and query as they arrived. */
  url: string
  path: string
  upgrade: boolean
  /** Names in lower case. */
  headers: Record<string, string>
  /** The number of body bytes received so far. */
  bodyBytes: number
}

const maximalEntries = 5000

/** The latest requests, oldest first. */
export class RequestLog {
  readonly entries: LoggedRequest[] = []

  /** Adds a request and counts its body without consuming it. */
  add (req: IncomingMessage, upgrade = false): LoggedRequest {
    const url = req.url ?? '/'
    const headers: Record<string, string> = {}
    for (const [name, value] of Object.entries(req.headers)) headers[name] = Array.isArray(value) ? value.join(', ') : value ?? ''
    const entry = { at: Date.now(), method: req.method ?? 'GET', url, path: url.split('?', 1)[0] ?? '/', upgrade, headers, bodyBytes: 0 }
    this.entries.push(entry)
    if (this.entries.length > maximalEntries) this.entries.shift()
    countBody(req, entry)
    return entry
  }

  /** Requests whose path begins with the given text. */
  under (prefix: string): LoggedRequest[] {
    return this.entries.filter(({ path }) => path.startsWith(prefix))
  }

  clear (): void {
    this.entries.length = 0
  }
}

// A 'data' listener would start the stream before its consumer is attached, and bytes would be lost.
function countBody (req: IncomingMessage, entry: LoggedRequest): void {
  const push = req.push.bind(req)
  req.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (Buffer.isBuffer(chunk)) entry.bodyBytes += chunk.length
    return push(chunk, encoding)
  }
}
