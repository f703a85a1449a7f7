import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { GatewayError } from '../errors.js'
import type { Signals } from '../signals.js'
import type { Headers } from './headers.js'
import { dropParameters, tokenParameter } from './query.js'
import { tenantCall } from './tenant-call.js'

/** What the dispatcher must know of the request it forwards. */
export interface Forwarded {
  request: FastifyRequest
  reply: FastifyReply
  /** The access token it carries; absent on public paths. */
  accessToken: string | undefined
}

// @fastify/reply-from hands its dispatcher nothing of the request but its headers; a symbol among them survives its copies.
const forwarded = Symbol('forwarded')

/** Marks the headers that @fastify/reply-from will pass to the dispatcher. */
export function withForwarded (headers: Headers, value: Forwarded): Headers {
  return Object.assign(headers, { [forwarded]: value })
}

type Request = Dispatcher.DispatchOptions & { headers: Headers & { [forwarded]: Forwarded } }
type Answer = (error: Error | null, answer?: Dispatcher.ResponseData) => void

/** The dispatcher that @fastify/http-proxy forwards through: it sends what was judged, leaves when the client leaves, and replaces a refused token once. */
export function createUpstream (agent: Dispatcher, tenantUrl: URL, signals: Signals): { request: Dispatcher['request'] } {
  async function send (options: Request): Promise<Dispatcher.ResponseData> {
    const { [forwarded]: context, ...headers } = options.headers
    const { request, reply } = context
    const leaving = new AbortController()
    const leave = () => leaving.abort(new Error('the client left'))
    if (reply.raw.destroyed) leave()
    else reply.raw.once('close', leave)
    // The path as it was judged: a URL parser on the way could have written it differently.
    const path = request.target.path + dropParameters(request.target.query, tokenParameter)
    const call = async (token: string | undefined) => await tenantCall(signals, 'http', async () => await agent.request({
      ...options,
      origin: tenantUrl.origin,
      path,
      signal: leaving.signal,
      headers: token === undefined ? headers : { ...headers, authorization: `Bearer ${token}` }
    }), answer => answer.statusCode, request)
    const answer = await call(context.accessToken)
    if (answer.statusCode !== 401 || context.accessToken === undefined || isSent(options.body)) return answer
    const replaced = await replaceToken(context, context.accessToken)
    if (replaced === undefined) return answer
    await answer.body.dump()
    return await call(replaced)
  }

  return {
    request: ((options: Request, answer: Answer) => {
      send(options).then(value => { answer(null, value) }, (error: Error) => { answer(error) })
    }) as unknown as Dispatcher['request']
  }
}

// @fastify/reply-from passes an empty string where there is no body.
function isSent (body: unknown): boolean {
  return body !== undefined && body !== ''
}

async function replaceToken ({ request }: Forwarded, refused: string): Promise<string | undefined> {
  try {
    return await request.replaceAccessToken(refused)
  } catch (error) {
    // Without another token the tenant's own answer is the best one, unless the login itself has ended.
    if (error instanceof GatewayError && error.code === 'GW-NO-SESSION') throw error
    return undefined
  }
}
