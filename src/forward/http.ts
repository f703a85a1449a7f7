import httpProxy from '@fastify/http-proxy'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Readable } from 'node:stream'
import type { ConcurrencyLimit } from '../admission/concurrency.js'
import type { RequireTrustedOrigin } from '../admission/trusted-origin.js'
import { GatewayError } from '../errors.js'
import { onRequestHook } from '../hooks.js'
import type { Signals } from '../signals.js'
import type { Tenant } from '../tenants/tenant.js'
import { mayHoldLinks, sendAnswer } from './answer.js'
import { exchange, type Answer } from './exchange.js'
import { readableEncodings, toTenantHeaders, type Headers } from './headers.js'
import { dropParameters, tokenParameter } from './query.js'
import { beginTenantCall } from '../tenants/tenant-call.js'
import { toTenantError } from '../tenants/tenant-error.js'

export interface HttpForwardOptions {
  signals: Signals
  /** Path prefixes, each with everything below it. */
  prefixes: readonly string[]
  /** Given where requests act under a session and carry its token: what may not change something unless a trusted page sent it. */
  requireOrigin?: RequireTrustedOrigin
  /** How many requests may be under way. */
  limitOf: (tenant: Tenant) => ConcurrencyLimit
}

/** Forwards HTTP below some prefixes to the tenant: every byte of bodies and answers streamed, nothing retried, no redirect followed. */
export const httpForward: FastifyPluginAsync<HttpForwardOptions> = async (app, { signals, prefixes, requireOrigin, limitOf }) => {
  // Fastify's parsers of its own would buffer text/plain up to a limit; what they leave to the proxy is a stream.
  app.removeAllContentTypeParsers()
  app.addHook('onRequest', onRequestHook((request, reply) => {
    passBody(request)
    if (requireOrigin === undefined) demandReading(request, reply)
    else requireOrigin(request)
    return false
  }))

  for (const prefix of prefixes) {
    await app.register(httpProxy, {
      prefix,
      rewritePrefix: prefix,
      // Never asked: the hook below answers, each request at its own tenant.
      upstream: 'http://localhost',
      httpMethods: ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'],
      disableRequestLogging: true,
      // Its own handler parses URLs, pipes streams and copies headers, which costs more than all else here: docs/performance.md.
      preHandler: forward
    })
  }

  /** Without a promise where the token is at hand. The hook ends here: what is called next would be the plugin's own handler. */
  function forward (request: FastifyRequest, reply: FastifyReply): void {
    const fail = (error: unknown) => {
      // Refused already, for a body that stopped coming.
      if (!reply.sent) reply.send(toTenantError(error as Error))
    }
    try {
      const accessToken = requireOrigin === undefined ? undefined : request.accessToken()
      if (accessToken instanceof Promise) accessToken.then(token => { ask(request, reply, token, fail) }).catch(fail)
      else ask(request, reply, accessToken, fail)
    } catch (error) {
      fail(error)
    }
  }

  function ask (request: FastifyRequest, reply: FastifyReply, accessToken: string | undefined, fail: (error: unknown) => void): void {
    // Without a session all clients are one: behind a proxy that is not trusted, they have one address too.
    limitOf(request.tenant).acquire(requireOrigin === undefined ? '' : String(request.qlikSession.peek()?.id), reply.raw)
    const { url, transport } = request.tenant
    const options = {
      origin: url.origin,
      // The path as it was judged: a URL parser on the way could have written it differently.
      path: request.target.path + dropParameters(request.target.query, tokenParameter),
      method: request.method,
      body: request.body as Readable | undefined ?? null,
      headers: requestHeaders(request)
    }

    function call (token: string | undefined, answered: (answer: Answer) => void): void {
      if (token !== undefined) options.headers.authorization = `Bearer ${token}`
      const end = beginTenantCall(signals, { call: 'http', headers: options.headers }, request)
      exchange(transport.dispatcher, options, reply.raw, {
        answered (answer) {
          end(answer.status)
          answered(answer)
        },
        failed (error) {
          end(0)
          fail(error)
        }
      })
    }

    function pass (answer: Answer): void {
      // Whatever is thrown here would be thrown into undici's reading of the connection, or end the process.
      try {
        sendAnswer(request, reply, answer, accessToken)
      } catch (error) {
        drop(answer)
        fail(error)
      }
    }

    call(accessToken, answer => {
      if (answer.status !== 401 || accessToken === undefined || options.body !== null) {
        pass(answer)
        return
      }
      replaceToken(request, accessToken).then(replaced => {
        if (replaced === undefined) {
          pass(answer)
          return
        }
        drop(answer)
        call(replaced, pass)
      }).catch((error: unknown) => {
        drop(answer)
        fail(error)
      })
    })
  }

  function requestHeaders ({ raw, target, tenant }: FastifyRequest): Headers {
    const kept = toTenantHeaders(raw.headers)
    kept.host = tenant.url.host
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

/** Leaves an answer that is not passed on: nobody else would hear of it when its stream breaks. */
function drop ({ body }: Answer): void {
  if (!Buffer.isBuffer(body)) body.destroy()
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
