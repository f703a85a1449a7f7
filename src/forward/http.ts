import httpProxy from '@fastify/http-proxy'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Proof } from '../admission/admission.js'
import type { Places } from '../admission/places.js'
import { GatewayError } from '../errors.js'
import { onRequestHook } from '../hooks.js'
import type { Signals } from '../signals.js'
import { createSendAnswer, mayHoldLinks, type AnswerRules } from './answer.js'
import { exchange, type Answer } from './exchange.js'
import { readableEncodings, toTenantHeaders, type Headers } from './headers.js'
import { dropParameters, tokenParameter } from './query.js'
import { tenantCall } from './tenant-call.js'
import { toTenantError } from './tenant-error.js'

export interface HttpForwardOptions extends AnswerRules {
  tenantUrl: URL
  agent: Dispatcher
  signals: Signals
  /** Path prefixes, each with everything below it. */
  prefixes: readonly string[]
  /** Given where requests act under a session and carry its token: what they must prove before they may change something. */
  prove?: Proof
  /** How many requests may be under way. */
  places: Places
}

/** Forwards HTTP below some prefixes to the tenant: every byte of bodies and answers streamed, nothing retried, no redirect followed. */
export const httpForward: FastifyPluginAsync<HttpForwardOptions> = async (app, { tenantUrl, agent, signals, prefixes, prove, places, ...rules }) => {
  // Fastify's parsers of its own would buffer text/plain up to a limit; what they leave to the proxy is a stream.
  app.removeAllContentTypeParsers()
  app.addHook('onRequest', onRequestHook((request, reply) => {
    passBody(request)
    if (prove === undefined) demandReading(request, reply)
    else prove(request)
    return false
  }))
  const send = createSendAnswer(rules)

  for (const prefix of prefixes) {
    await app.register(httpProxy, {
      prefix,
      rewritePrefix: prefix,
      upstream: tenantUrl.origin,
      // Given so that the plugin makes no connections of its own: it leaves certificates unverified unless told otherwise.
      undici: agent,
      httpMethods: ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'],
      disableRequestLogging: true,
      // Its own handler pipes streams and copies headers, which costs more than all else here: docs/performance.md.
      handler: forward
    })
  }

  async function forward (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const accessToken = prove === undefined ? undefined : await request.accessToken()
    // Without a session all clients are one: behind a proxy that is not trusted, they have one address too.
    places.take(prove === undefined ? '' : String(request.qlikSession.peek()?.id), reply.raw)
    try {
      const answer = await ask(request, reply, accessToken)
      return send(request, reply, answer, accessToken)
    } catch (error) {
      // Refused here already, for a body that stopped coming.
      if (reply.sent) return reply
      throw toTenantError(error as Error)
    }
  }

  async function ask (request: FastifyRequest, reply: FastifyReply, accessToken: string | undefined): Promise<Answer> {
    const headers = requestHeaders(request)
    const options = {
      origin: tenantUrl.origin,
      // The path as it was judged: a URL parser on the way could have written it differently.
      path: request.target.path + dropParameters(request.target.query, tokenParameter),
      method: request.method,
      body: request.body as Readable | undefined ?? null,
      headers
    }
    const call = async (token: string | undefined) => {
      if (token !== undefined) headers.authorization = `Bearer ${token}`
      return await tenantCall(signals, { call: 'http', headers }, async () => await exchange(agent, options, reply.raw), answer => answer.status, request)
    }
    const answer = await call(accessToken)
    if (answer.status !== 401 || accessToken === undefined || options.body !== null) return answer
    const replaced = await replaceToken(request, accessToken)
    if (replaced === undefined) return answer
    if (!Buffer.isBuffer(answer.body)) answer.body.destroy()
    return await call(replaced)
  }

  function requestHeaders ({ raw, target }: FastifyRequest): Headers {
    const kept = toTenantHeaders(raw.headers)
    kept.host = tenantUrl.host
    if (mayHoldLinks(target.path)) kept['accept-encoding'] = readableEncodings(raw.headers['accept-encoding'])
    return kept
  }
}

/** Keeps Fastify from reading the body: whatever its content type says, even nonsense, it is a stream for the tenant. */
function passBody (request: FastifyRequest): void {
  const { 'content-length': length, 'transfer-encoding': coding } = request.raw.headers
  const hasBody = coding !== undefined || (length !== undefined && length !== '0')
  if (hasBody && (request.method === 'GET' || request.method === 'HEAD')) throw new GatewayError('GW-BODY-ON-GET')
  // Seen by Fastify alone; what is forwarded comes from the raw headers.
  if (hasBody || request.raw.headers['content-type'] !== undefined) request.headers = { 'content-type': hasBody ? 'application/octet-stream' : undefined }
}

function demandReading (request: FastifyRequest, reply: FastifyReply): void {
  if (request.method === 'GET' || request.method === 'HEAD') return
  reply.header('allow', 'GET, HEAD')
  throw new GatewayError('GW-METHOD')
}

async function replaceToken (request: FastifyRequest, refused: string): Promise<string | undefined> {
  try {
    return await request.replaceAccessToken(refused)
  } catch (error) {
    // Without another token the tenant's own answer is the best one, unless the login itself has ended.
    if (error instanceof GatewayError && error.code === 'GW-NO-SESSION') throw error
    return undefined
  }
}
