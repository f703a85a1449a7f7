import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { ServerResponse, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { isBelow } from '../admission/target.js'
import { GatewayError } from '../errors.js'
import { onRequestHook } from '../hooks.js'
import { ClientSocket } from './client-socket.js'

/** Below it, and nowhere else, a gateway serves WebSockets: the engine. */
export const enginePrefix = '/app'

/** The answer to a request for an upgrade, which Node makes none for. */
export class UpgradeResponse extends ServerResponse {
  readonly client: ClientSocket

  constructor (request: IncomingMessage, client: ClientSocket) {
    super(request)
    this.client = client
    client.answer(this)
  }
}

type UpgradingServer = FastifyInstance['server'] & { shouldUpgradeCallback?: (request: IncomingMessage) => boolean }

// Upgrades reach every listener of the server, those of other gateways of the same application too.
const gateways = new WeakSet<object>()
const claimed = new WeakSet<IncomingMessage>()

export interface UpgradeOptions {
  /** The path that the tenant of a request is mounted below; undefined where it is for none. */
  basePathOf: (raw: IncomingMessage) => string | undefined
}

/**
 * Brings WebSocket handshakes to Fastify's router, where the same hooks guard them as requests and every refusal is an
 * ordinary answer: of an odd handshake GW-BAD-UPGRADE. An upgrade to anything else is ignored (RFC 9110, section 7.8):
 * its request is answered as if it asked for none.
 */
export const upgrades = fp<UpgradeOptions>(async (app, { basePathOf }) => {
  const server: UpgradingServer = app.server
  const isAlone = () => server.listeners('upgrade').every(listener => gateways.has(listener))

  function onUpgrade (raw: IncomingMessage, _socket: Duplex, head: Buffer): void {
    const { socket } = raw
    const forWebSocket = isForWebSocket(raw)
    const path = (raw.url as string).split('?', 1)[0] as string
    // Another plugin of the host application may be waiting for it; of several gateways the last one answers what is none's.
    const basePath = basePathOf(raw)
    const ours = forWebSocket && basePath !== undefined && isBelow(path, basePath + enginePrefix)
    if (!ours && (claimed.has(raw) || server.listeners('upgrade').at(-1) !== onUpgrade || !isAlone())) {
      // A reset in any phase would otherwise end the process.
      socket.on('error', () => socket.destroy())
      return
    }
    claimed.add(raw)
    const client = new ClientSocket(socket, head)
    client.whenAnswered(() => {
      if (forWebSocket) app.routing(raw, new UpgradeResponse(raw, client))
      else readAgain(app, raw, client)
    })
  }

  gateways.add(onUpgrade)
  server.on('upgrade', onUpgrade)
  app.addHook('onClose', async () => { server.off('upgrade', onUpgrade) })

  // Newer versions of Node ask before they give a request up.
  const decide = server.shouldUpgradeCallback
  if (decide !== undefined) {
    server.shouldUpgradeCallback = request => decide.call(server, request) && (isForWebSocket(request) || !isAlone())
  }
}, { name: 'upgrades', fastify: '5.x' })

/** Refuses odd handshakes on the routes that it is registered for. */
export const handshakes = fp(async app => {
  app.addHook('onRequest', onRequestHook((request, reply) => {
    if (reply.raw instanceof UpgradeResponse && !(request.routeFamily === enginePrefix && isHandshake(request.raw))) {
      throw new GatewayError('GW-BAD-UPGRADE')
    }
    return false
  }))
}, { name: 'handshakes', fastify: '5.x', dependencies: ['request-signals', 'upgrades'] })

/** Gives a request back to Node's parser without what asked for the upgrade, its body and whatever follows included. */
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

function isForWebSocket ({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.split(',').some(protocol => protocol.trim().toLowerCase() === 'websocket') === true
}

/** Whether a request for a WebSocket is what RFC 6455, section 4.2.1, asks for. */
function isHandshake ({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers['sec-websocket-version'] === '13' &&
    // A body would be read as frames here and as a request by another server.
    headers['transfer-encoding'] === undefined && (headers['content-length'] ?? '0') === '0' &&
    /^[A-Za-z0-9+/]{22}==$/.test(headers['sec-websocket-key'] ?? '')
}
