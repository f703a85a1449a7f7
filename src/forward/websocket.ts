import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { ServerResponse, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Proof } from '../admission/admission.js'
import type { Places } from '../admission/concurrency.js'
import { isBelow } from '../admission/target.js'
import { GatewayError, renderErrorAnswer } from '../errors.js'
import type { Signals } from '../signals.js'
import { connectUpstream, type UpgradeAnswer } from '../tenants/handshake.js'
import { toBrowserHeaders, toTenantHeaders, type Headers } from './headers.js'
import { dropParameters, tokenParameter } from './query.js'
import type { Sockets } from './sockets.js'
import { tenantCall } from '../tenants/tenant-call.js'

export interface WebSocketForwardOptions {
  tenantUrl: URL
  basePath: string
  prove: Proof
  sockets: Sockets
  /** How many sockets may be open or about to be. */
  places: Places
  signals: Signals
  /** Within how long all sockets are closed when the application closes. */
  drainMs: number
  /** How long a session lives in any case: an open socket counts as use, so only this ends it. */
  maxMs: number
}

interface Upgrade { socket: Duplex, head: Buffer, response: ServerResponse }

const keepAliveMs = 30_000
const enginePrefix = '/app'
const csrfParameter = /^qlik-csrf-token$/

// Upgrades reach every listener of the server, those of other gateways of the same application too.
const gateways = new WeakSet<object>()
const claimed = new WeakSet<IncomingMessage>()

/**
 * Forwards WebSockets to the engine: admission and token first, then the tenant's handshake, then the browser's 101. Upgrades run
 * through Fastify's router, so the same hooks guard them and every refusal is an ordinary answer.
 */
export const webSocketForward: FastifyPluginAsync<WebSocketForwardOptions> = async (app, { tenantUrl, basePath, prove, sockets, places, signals, drainMs, maxMs }) => {
  const upgrades = new WeakMap<IncomingMessage, Upgrade>()

  function onUpgrade (raw: IncomingMessage, socket: Duplex, head: Buffer): void {
    // A reset in any phase would otherwise end the process.
    socket.on('error', () => socket.destroy())
    // A browser that has vanished without a word would keep its session in use.
    raw.socket.setKeepAlive(true, keepAliveMs)
    if (!isBelow((raw.url as string).split('?', 1)[0] as string, basePath + enginePrefix) || !isWebSocketUpgrade(raw)) {
      // Another plugin of the host application may be waiting for it; of several gateways the last one refuses.
      const listeners = app.server.listeners('upgrade')
      if (!claimed.has(raw) && listeners.at(-1) === onUpgrade && listeners.every(listener => gateways.has(listener))) socket.end(renderErrorAnswer('GW-BAD-UPGRADE'))
      return
    }
    claimed.add(raw)
    const response = new ServerResponse(raw)
    response.shouldKeepAlive = false
    response.assignSocket(socket as never)
    response.once('finish', () => socket.end())
    upgrades.set(raw, { socket, head, response })
    app.routing(raw, response)
  }

  gateways.add(onUpgrade)
  app.server.on('upgrade', onUpgrade)
  app.addHook('onClose', async () => { app.server.off('upgrade', onUpgrade) })
  app.addHook('preClose', async () => { sockets.drain(drainMs) })

  app.get(`${enginePrefix}/*`, async (request, reply) => {
    const upgrade = upgrades.get(request.raw)
    if (upgrade === undefined) throw new GatewayError('GW-UPGRADE-REQUIRED')
    const query = new URLSearchParams(request.target.query)
    prove(request, { always: true, token: query.get('qlik-csrf-token') ?? undefined })
    places.take(String(request.qlikSession.peek()?.id), upgrade.socket)
    const accessToken = await request.accessToken()
    // Before the tenant accepts: from then on nothing may be waited for.
    await request.qlikSession.catchUp()
    const answer = await connect(request, upgrade, accessToken)
    if (!answer.accepted) {
      return reply.code(answer.answer.statusCode as number).headers(toBrowserHeaders(answer.answer.headers)).send(answer.answer)
    }
    join(request, reply, upgrade, answer)
  })

  async function connect (request: FastifyRequest, { socket }: Upgrade, accessToken: string): Promise<UpgradeAnswer> {
    const leaving = new AbortController()
    const leave = () => leaving.abort()
    socket.once('close', leave)
    const path = request.target.path + dropParameters(dropParameters(request.target.query, tokenParameter), csrfParameter)
    const headers: Headers = { ...toTenantHeaders(request.headers), host: tenantUrl.host }
    const ask = async (token: string) => {
      headers.authorization = `Bearer ${token}`
      return await tenantCall(signals, { call: 'upgrade', headers }, async () => await connectUpstream(tenantUrl, path, headers, leaving.signal), ({ answer }) => answer.statusCode as number, request)
    }
    try {
      const answer = await ask(accessToken)
      if (answer.accepted || answer.answer.statusCode !== 401) return answer
      const replaced = await request.replaceAccessToken(accessToken).catch(keepAnswer)
      if (replaced === undefined) return answer
      answer.answer.resume()
      return await ask(replaced)
    } finally {
      socket.off('close', leave)
    }
  }

  function join (request: FastifyRequest, reply: FastifyReply, { socket, head, response }: Upgrade, { answer, socket: tenant, head: fromTenant }: UpgradeAnswer & { accepted: true }): void {
    const session = request.qlikSession.peek()
    // Signed out while the tenant was asked.
    if (session === undefined) {
      tenant.destroy()
      throw new GatewayError('GW-NO-SESSION')
    }
    const cookies = request.qlikSession.cookieLines()
    reply.hijack()
    response.detachSocket(socket as never)
    socket.write(switchingProtocols(answer, cookies))
    sockets.open({ browser: socket, tenant, fromTenant, fromBrowser: head }, { id: session.id, endsAt: session.createdAt + maxMs }, request)
  }
}

function keepAnswer (error: unknown): undefined {
  // Without another token the tenant's own refusal is the best answer, unless the login itself has ended.
  if (error instanceof GatewayError && error.code === 'GW-NO-SESSION') throw error
}

function isWebSocketUpgrade ({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket' && headers['sec-websocket-version'] === '13' &&
    // A body would be read as frames here and as a request by another server.
    headers['transfer-encoding'] === undefined && (headers['content-length'] ?? '0') === '0' &&
    /^[A-Za-z0-9+/]{22}==$/.test(headers['sec-websocket-key'] ?? '')
}

/** The answer to the browser: what the tenant chose, and the cookies of a session that was renewed on the way. */
function switchingProtocols ({ headers }: IncomingMessage, cookies: readonly string[]): string {
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade']
  for (const name of ['sec-websocket-accept', 'sec-websocket-extensions', 'sec-websocket-protocol']) {
    if (headers[name] !== undefined) lines.push(`${name}: ${String(headers[name])}`)
  }
  for (const cookie of cookies) lines.push(`set-cookie: ${cookie}`)
  if (cookies.length > 0) lines.push('cache-control: no-store')
  return `${lines.join('\r\n')}\r\n\r\n`
}
