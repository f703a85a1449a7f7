import { STATUS_CODES, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import type { Engine } from '../engine/engine.js'
import { groupNames } from '../oauth/users.js'
import type { FindCaller } from '../rest/bearer.js'
import { Refusal } from './errors.js'
import type { Fault } from './faults.js'
import { pathOf } from './names.js'

/** What upgrades are checked against, and the engine. */
export interface UpgradeOptions { engine: Engine, findCaller: FindCaller }

/** Hands a WebSocket to the engine, or throws a Refusal before the handshake. */
export type AcceptUpgrade = (req: IncomingMessage, socket: Duplex, head: Buffer, fault?: Fault) => Promise<void>

const appPath = /^\/app\/(?<appId>[^/]+)(?:\/identity\/(?<identity>[^/]+))?(?:\/ttl\/(?<ttl>\d+))?\/?$/

/** Makes the handler for engine sockets: `/app/{appId}[/identity/{x}][/ttl/{seconds}]` with a bearer token. */
export function createUpgrade ({ engine, findCaller }: UpgradeOptions): AcceptUpgrade {
  const server = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: { threshold: 1024 } })
  return async (req, socket, head, fault) => {
    const user = await findCaller(req)
    const { appId, identity, ttl } = appPath.exec(pathOf(req))?.groups ?? {}
    if (!appId || !engine.apps.some(({ id }) => id === appId)) throw new Refusal(404, 'QEP-404', 'Not found', 'There is no such app.')
    server.handleUpgrade(req, socket, head, webSocket => {
      engine.accept(webSocket, {
        appId,
        user: { id: user.id, groups: groupNames(user) },
        ...(identity === undefined ? {} : { identity: decodeURIComponent(identity) }),
        ...(ttl === undefined ? {} : { ttlSeconds: Number(ttl) })
      })
      if (fault?.closeCode !== undefined) closeLater(webSocket, fault)
    })
  }
}

/** Answers an upgrade with an HTTP error instead of a WebSocket. */
export function refuseUpgrade (socket: Duplex, refusal: Refusal): void {
  const { statusCode, headers } = refusal
  const body = JSON.stringify(refusal.toBody())
  const lines = [
    `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode] ?? 'Error'}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  ]
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`)
}

function closeLater (socket: WebSocket, { closeCode, closeReason, delayMs = 0 }: Fault): void {
  const timer = setTimeout(() => { socket.close(closeCode, closeReason) }, delayMs)
  socket.once('close', () => { clearTimeout(timer) })
}
