import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { SALES_APP_ID } from '../../sandbox/data/apps.js'
import type { Browser } from './browser-jar.js'
import { startGateway, type Stage } from './gateway.js'
import { serveHttp } from './servers.js'

export type Sent = Record<string, string>

/** Opens a socket as a page of the gateway's own origin does. */
export function open (stage: Stage, browser: Browser, path = `/app/${SALES_APP_ID}`, headers: Sent = { origin: stage.origin }): WebSocket {
  const url = new URL(path, stage.origin)
  return new WebSocket(url.href.replace(/^http/, 'ws'), { headers: { cookie: browser.cookies.header(url), ...headers } })
}

export async function outcome (socket: WebSocket): Promise<{ status: number, body: string, upgrade?: IncomingMessage }> {
  return await new Promise((resolve, reject) => {
    socket.once('upgrade', upgrade => { resolve({ status: 101, body: '', upgrade }) })
    socket.once('unexpected-response', (_request, response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => { body += chunk.toString() })
      response.once('end', () => { resolve({ status: response.statusCode ?? 0, body }) })
    })
    socket.once('error', reject)
  })
}

export async function closing (socket: WebSocket): Promise<{ code: number, reason: string }> {
  const [code, reason] = await once(socket, 'close') as [number, Buffer]
  return { code, reason: reason.toString() }
}

export function first (stage: Stage) {
  return stage.tenant.controls.requests.filter(({ upgrade }) => upgrade).at(-1)
}

export async function startBeforeRaw (t: Test, onSocket: (socket: Socket, request: IncomingMessage) => void) {
  const { server, origin: upstream } = await serveHttp(t, (_request, response) => { response.end() })
  const accepted: Socket[] = []
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
    accepted.push(socket)
    socket.on('error', () => {})
    onSocket(socket, request)
  })
  t.teardown(() => { for (const socket of accepted) socket.destroy() })
  const gateway = await startGateway(t, { tenant: { origin: upstream } })
  const dial = () =>
    new WebSocket(`${gateway.origin.replace('http', 'ws')}/app/x`, {
      headers: { cookie: gateway.cookie, origin: gateway.origin },
      perMessageDeflate: false
    })
  return { ...gateway, accepted, dial }
}

export function accept (socket: Socket, request: IncomingMessage, first: Buffer | string = ''): void {
  const key = createHash('sha1')
    .update(`${String(request.headers['sec-websocket-key'])}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64')
  socket.write(
    Buffer.concat([
      Buffer.from(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\n\r\n`),
      Buffer.from(first)
    ])
  )
}

export const hello = Buffer.from('\x81\x05hello', 'latin1')
