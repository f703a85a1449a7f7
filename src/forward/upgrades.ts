import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { ServerResponse, type IncomingMessage } from 'node:http'
import { isBelow } from '../admission/target.js'
import { GatewayError } from '../errors.js'
import { onRequestHook } from '../hooks.js'
import { ClientSocket } from './client-socket.js'
import { isForWebSocket, ownUpgrades } from './upgrade-owners.js'

/** The engine, the only part of a gateway that serves WebSockets. */
export const enginePrefix = '/app'

/** A response for an upgrade request, for which Node creates none. */
export class UpgradeResponse extends ServerResponse {
  readonly client: ClientSocket

  constructor (request: IncomingMessage, client: ClientSocket) {
    super(request)
    this.client = client
    client.answer(this)
  }
}

export interface UpgradeOptions {
  /** The path below which the tenant of a request is mounted. Undefined if the request is for no tenant. */
  basePathOf: (raw: IncomingMessage) => string | undefined
  /** The prefixes that are served below that path. There, an upgrade to anything but a WebSocket is ignored. */
  prefixes: readonly string[]
}

/**
 * Passes WebSocket handshakes to Fastify's router, so that the same hooks guard them as requests, and every refusal is
 * an ordinary answer, such as GW-BAD-UPGRADE for an invalid handshake. An upgrade to another protocol is ignored (RFC
 * 9110, section 7.8): its request is answered as if it had no Upgrade header.
 */
export const upgrades = fp<UpgradeOptions>(async (app, { basePathOf, prefixes }) => {
  const disown = ownUpgrades(app.server, {
    owns (raw) {
      const path = (raw.url as string).split('?', 1)[0] as string
      const basePath = basePathOf(raw)
      return basePath !== undefined && (isForWebSocket(raw) ? [enginePrefix] : prefixes).some(prefix => isBelow(path, basePath + prefix))
    },
    take (raw, head) {
      const client = new ClientSocket(raw.socket, head)
      client.whenAnswered(() => {
        if (isForWebSocket(raw)) app.routing(raw, new UpgradeResponse(raw, client))
        else readAgain(app, raw, client)
      })
    }
  })
  app.addHook('onClose', async () => { disown() })
}, { name: 'upgrades', fastify: '5.x' })

/** Refuses invalid handshakes on the routes that it is registered for. */
export const handshakes = fp(async app => {
  app.addHook('onRequest', onRequestHook((request, reply) => {
    if (reply.raw instanceof UpgradeResponse && !(request.routeFamily === enginePrefix && isHandshake(request.raw))) {
      throw new GatewayError('GW-BAD-UPGRADE')
    }
    return false
  }))
}, { name: 'handshakes', fastify: '5.x', dependencies: ['request-signals', 'upgrades'] })

/** Gives a request back to Node's parser without its Upgrade header, together with its body and everything after it. */
function readAgain (app: FastifyInstance, { method, url, httpVersion, rawHeaders }: IncomingMessage, client: ClientSocket): void {
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name, value] = rawHeaders.slice(at, at + 2) as [string, string]
    const kept = name.toLowerCase() === 'connection' ? withoutUpgrade(value) : value
    if (!/^(?:upgrade|http2-settings)$/i.test(name)) lines.push(`${name}: ${kept}`)
  }
  const { socket } = client
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), client.release()]))
  app.server.emit('encrypted' in socket ? 'secureConnection' : 'connection', socket)
  socket.resume()
}

function withoutUpgrade (connection: string): string {
  return connection.split(',').filter(option => !/^\s*(?:upgrade|http2-settings)\s*$/i.test(option)).join()
}

/** Whether a WebSocket handshake fulfils RFC 6455, section 4.2.1. */
function isHandshake ({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers['sec-websocket-version'] === '13' &&
    // A body would be read as frames here, and as a request by another server.
    headers['transfer-encoding'] === undefined && (headers['content-length'] ?? '0') === '0' &&
    /^[A-Za-z0-9+/]{22}==$/.test(headers['sec-websocket-key'] ?? '')
}
