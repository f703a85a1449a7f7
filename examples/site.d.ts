import type { IncomingMessage, ServerResponse } from 'node:http'

interface Tls { key: string, cert: string }
interface Listening { port: number, close: () => Promise<void> }
export function startSite (options: {
  page: URL
  values: (request: IncomingMessage) => Record<string, string>
  tls?: Tls
  port?: number
  gateway?: { path: string, port: () => number, add?: (request: IncomingMessage) => Promise<Record<string, string | undefined>> }
  headers?: () => Record<string, string | string[]>
  routes?: (request: IncomingMessage, response: ServerResponse) => Promise<boolean>
}): Promise<Listening>
export function startTls (options: { tls: Tls, target: () => number, port?: number }): Promise<Listening>
