import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import type { ConcurrencyLimit } from '../admission/concurrency.js'
import { requireTrustedOrigin } from '../admission/trusted-origin.js'
import { GatewayError } from '../errors.js'
import type { EngineGuard } from '../policy/engine/guard.js'
import { clientLeft } from '../signals.js'
import type { UpgradeAnswer } from '../tenants/handshake.js'
import { sendStream } from './answer.js'
import type { ClientSocket } from './client-socket.js'
import { addIdentity } from './engine-identity.js'
import { toBrowserHeaders, toTenantHeaders, type Headers } from './headers.js'
import { dropParameters, tokenParameter } from './query.js'
import type { Sockets } from './sockets.js'
import { passThrough } from './streams.js'
import { enginePrefix, UpgradeResponse } from './upgrades.js'
import { beginTenantCall } from '../tenants/tenant-call.js'
import { toTenantError } from '../tenants/tenant-error.js'
import type { Tenant } from '../tenants/tenant.js'

export interface WebSocketForwardOptions {
  sockets: Sockets
  /** Reads the browser's messages to the engine, if a policy requires that. */
  guardOf: (request: FastifyRequest) => EngineGuard | undefined
  /** Limits how many sockets may be open or opening. */
  limitOf: (tenant: Tenant) => ConcurrencyLimit
  /** The time within which all sockets are closed when the application closes. */
  drainMs: number
}

const csrfParameter = /^qlik-csrf-token$/

/**
 * Forwards WebSockets to the engine: admission and the token first, then the handshake with the tenant, then the 101
 * for the browser. After each await on the way the client may have left, and then everything that was opened for it is
 * closed.
 */
export const webSocketForward = fp<WebSocketForwardOptions>(async (app, { sockets, guardOf, limitOf, drainMs }) => {
  // Runs before the server stops listening.
  app.addHook('preClose', async () => { await sockets.drain(drainMs) })

  app.get(`${enginePrefix}/*`, async (request, reply) => {
    const { raw } = reply
    if (!(raw instanceof UpgradeResponse)) throw new GatewayError('GW-UPGRADE-REQUIRED')
    // A socket that opened now would be closed at once, and Qlik's client would keep asking until the process has
    // ended.
    if (sockets.draining) throw new GatewayError('GW-DRAINING', { retryAfterSeconds: 2 })
    const { client } = raw
    const query = new URLSearchParams(request.target.query)
    requireTrustedOrigin(request, { always: true, token: query.get('qlik-csrf-token') ?? undefined })
    limitOf(request.tenant).acquire(String(request.qlikSession.peek()?.id), client.socket)
    try {
      const accessToken = await request.accessToken()
      // Done before the tenant accepts: from then on nothing may be awaited.
      await request.qlikSession.askReplicas()
      const guard = guardOf(request)
      const answer = await connect(request, client, accessToken, guard !== undefined)
      if (answer.accepted) join(request, reply, raw, answer, guard)
      else refuse(reply, answer.answer)
    } catch (error) {
      if (!client.left.aborted) throw error
      // The client has left.
      reply.hijack()
    }
    return reply
  })

  async function connect (request: FastifyRequest, { left }: ClientSocket, accessToken: string, guarded: boolean): Promise<UpgradeAnswer> {
    const { options: { engineIdentity } } = request.tenant
    const asked = request.target.path
    const query = dropParameters(dropParameters(request.target.query, tokenParameter), csrfParameter)
    const path = (engineIdentity === 'session' ? addIdentity(asked, String(request.qlikSession.peek()?.id)) : asked) + query
    const { url, transport } = request.tenant
    const headers: Headers = { ...toTenantHeaders(request.headers), host: url.host }
    // Reading compressed messages would need as much memory for each socket as the engine itself uses.
    if (guarded) delete headers['sec-websocket-extensions']
    const ask = async (token: string) => {
      left.throwIfAborted()
      headers.authorization = `Bearer ${token}`
      const end = beginTenantCall(request.tenant.signals, { call: 'upgrade', headers }, request)
      let status = 0
      let answer: UpgradeAnswer
      try {
        answer = await transport.connectWebSocket(path, headers, left)
        status = answer.answer.statusCode as number
      } finally {
        end(left.aborted ? clientLeft : status)
      }
      left.throwIfAborted()
      return answer
    }
    const first = await ask(accessToken)
    const replaced = await replaceRefused(request, first, accessToken, left)
    if (replaced === undefined) return first
    first.answer.resume()
    const second = await ask(replaced)
    await replaceRefused(request, second, replaced, left)
    return second
  }

  async function replaceRefused (
    request: FastifyRequest, { answer }: UpgradeAnswer, accessToken: string, left: AbortSignal
  ): Promise<string | undefined> {
    if (answer.statusCode !== 401) return undefined
    const replaced = await request.replaceAccessToken(accessToken).catch(keepAnswer)
    left.throwIfAborted()
    return replaced
  }

  function join (
    request: FastifyRequest,
    reply: FastifyReply,
    response: UpgradeResponse,
    { answer, socket: tenant, head: fromTenant }: UpgradeAnswer & { accepted: true },
    guard: EngineGuard | undefined
  ): void {
    const session = request.qlikSession.peek()
    // The user has signed out while the tenant was being asked.
    if (session === undefined) {
      tenant.destroy()
      throw new GatewayError('GW-NO-SESSION')
    }
    const cookies = request.qlikSession.cookieLines()
    const { client } = response
    reply.hijack()
    response.detachSocket(client.socket)
    const fromBrowser = client.release()
    client.socket.write(switchingProtocols(answer, cookies))
    sockets.open({ browser: client.socket, tenant, fromTenant, fromBrowser, guard }, session, request.tenant.sessions, request)
  }
}, { name: 'websocket-forward', fastify: '5.x', encapsulate: true, dependencies: ['admission', 'session', 'access-token', 'upgrades'] })

/**
 * Passes on a refusal of the tenant. If its body breaks, or broke while another token was requested, that is the
 * tenant's fault.
 */
function refuse (reply: FastifyReply, refusal: IncomingMessage): void {
  if (refusal.destroyed) throw new GatewayError('GW-TENANT-UNREACHABLE')
  const headers = toBrowserHeaders(refusal.headers)
  const body = passThrough(refusal, new PassThrough(), toTenantError)
  sendStream(reply.code(refusal.statusCode as number).headers(headers), body, Object.keys(headers))
}

function keepAnswer (error: unknown): undefined {
  // If there is no other token, the tenant's own refusal is the best answer, unless the login itself has ended.
  if (error instanceof GatewayError && error.code === 'GW-NO-SESSION') throw error
}

/**
 * The answer to the browser: the headers that the tenant chose, and the cookies of a session that was renewed on the
 * way.
 */
function switchingProtocols ({ headers }: IncomingMessage, cookies: readonly string[]): string {
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade']
  for (const name of ['sec-websocket-accept', 'sec-websocket-extensions', 'sec-websocket-protocol']) {
    if (headers[name] !== undefined) lines.push(`${name}: ${String(headers[name])}`)
  }
  for (const cookie of cookies) lines.push(`set-cookie: ${cookie}`)
  if (cookies.length > 0) lines.push('cache-control: no-store')
  return `${lines.join('\r\n')}\r\n\r\n`
}
