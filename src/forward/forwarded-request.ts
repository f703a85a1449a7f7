import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ConcurrencyLimit } from '../admission/concurrency.js'
import { sendContinue } from '../admission/continue.js'
import { GatewayError } from '../errors.js'
import { clientLeft } from '../signals.js'
import { beginTenantCall } from '../tenants/tenant-call.js'
import type { Tenant } from '../tenants/tenant.js'
import { toTenantError } from '../tenants/tenant-error.js'
import { sendAnswer } from './answer.js'
import { exchange, type Answer, type ExchangeListener } from './exchange.js'
import { readableEncodings, toTenantHeaders, type Headers } from './headers.js'
import { mayHoldLinks } from './json.js'
import { dropParameters, tokenParameter } from './query.js'
import { readBody, type RequestBody } from './request-body.js'
import { answerCondition, type AssetRequest, type SharedCache } from './shared-cache.js'
import { restoreConditions } from './validators.js'

/** What the requests below some prefixes share. */
export interface ForwardingContext {
  /** Whether they act under a session, by which the limits tell clients apart. */
  hasSessions: boolean
  limitOf: (tenant: Tenant) => ConcurrencyLimit
  /** What names this gateway in a request, so that it knows one that has come round. */
  loopNameOf: (tenant: Tenant) => string
  /** Where answers are shared by all who ask: never where they act under a session. */
  cacheOf?: ((tenant: Tenant) => SharedCache) | undefined
}

type Call = AssetRequest & { body: RequestBody }

/**
 * One request on its way to the tenant and back. Without a body it is sent again under another token where the tenant
 * refuses the first; its place in the limits is free again when its client has all of the answer, or is gone, and the
 * dispatcher has nothing of it any more.
 */
export class ForwardedRequest implements ExchangeListener {
  readonly #context: ForwardingContext
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  #call: Call | undefined
  #accessToken: string | undefined
  #mayRepeat = true
  #mayWait = true
  /** What links were rewritten to when it was sent. */
  #linksVersion = ''
  /** Calls of the tenant, and what is waited for before one. */
  #underWay = 0
  #release = (): void => {}
  #endCall: (status: number) => void = () => {}

  constructor (context: ForwardingContext, request: FastifyRequest, reply: FastifyReply) {
    this.#context = context
    this.#request = request
    this.#reply = reply
  }

  /** Sends it under a token, unless its client has left while it waited for that. Raises the errors of the limits. */
  send (accessToken: string | undefined): void {
    const { hasSessions, limitOf } = this.#context
    const { method, target, raw, tenant } = this.#request
    if (this.#isSettled()) return
    // Without a session all clients are one: behind a proxy that is not trusted, they have one address too.
    this.#release = limitOf(tenant).acquire(hasSessions ? String(this.#request.qlikSession.peek()?.id) : '')
    this.#reply.raw.once('close', () => { this.#releaseWhenOver() })
    this.#accessToken = accessToken
    this.#linksVersion = tenant.links.version
    const headers = this.#createHeaders()
    sendContinue(raw, this.#reply.raw)
    const body = readBody(this.#request, headers)
    const call = {
      origin: tenant.url.origin,
      // The path as it was judged: a URL parser on the way could have written it differently.
      path: target.path + dropParameters(target.query, tokenParameter),
      method,
      headers
    }
    if (body instanceof Promise) this.#wait(async () => { this.#ask({ ...call, body: await body }) })
    else this.#ask({ ...call, body })
  }

  /** Answers with an error, if there is somebody to answer, who was not answered before. */
  refuse (error: unknown): void {
    if (!this.#isSettled()) this.#reply.send(toTenantError(error as Error))
  }

  answered (answer: Answer): void {
    this.#endCall(answer.status)
    const refused = this.#accessToken
    if (this.#context.cacheOf !== undefined) this.#pass(answerCondition(this.#request.raw.headers, answer))
    else if (answer.status !== 401 || refused === undefined) this.#pass(answer)
    else this.#wait(async () => { await this.#renew(answer, refused) })
  }

  failed (error: Error): void {
    this.#endCall(this.#reply.raw.destroyed ? clientLeft : 0)
    this.refuse(error)
  }

  over (): void {
    this.#underWay--
    this.#releaseWhenOver()
  }

  #ask (call: Call): void {
    if (this.#isSettled()) return
    this.#call = call
    if (this.#accessToken !== undefined) call.headers.authorization = `Bearer ${this.#accessToken}`
    const { tenant, tenant: { transport } } = this.#request
    const begin = (headers: Headers): void => {
      this.#endCall = beginTenantCall(tenant.signals, { call: 'http', headers }, this.#request)
    }
    const cache = this.#context.cacheOf?.(tenant)
    const isShared = cache?.takes(call) === true
    const another = isShared && this.#mayWait ? cache.underWay(call) : undefined
    this.#mayWait = false
    if (another !== undefined) {
      this.#wait(async () => { await another; this.#ask(call) })
      return
    }
    if (!isShared) begin(call.headers)
    this.#underWay++
    exchange(isShared ? { ...transport, dispatch: cache.dispatchBy(call, begin) } : transport, call, this.#reply.raw, this)
  }

  /** Renews a token that the tenant refused: for the next request, where this one has a body that is gone or was sent twice. */
  async #renew (answer: Answer, refused: string): Promise<void> {
    const isRepeated = this.#mayRepeat && this.#call?.body === null
    this.#mayRepeat = false
    // It may break meanwhile, and an error of a stream that nobody listens to ends the process.
    const { body } = answer
    if (!Buffer.isBuffer(body)) body.on('error', () => {})
    let replaced: string | undefined
    try {
      replaced = await this.#request.replaceAccessToken(refused, isRepeated)
    } catch (error) {
      // Without another token the tenant's own answer is the best one, unless the login itself has ended.
      if (error instanceof GatewayError && error.code === 'GW-NO-SESSION') {
        drop(answer)
        throw error
      }
    }
    if (replaced === undefined || !isRepeated) {
      if (!Buffer.isBuffer(body) && body.errored !== null) throw body.errored
      this.#pass(answer)
      return
    }
    drop(answer)
    this.#accessToken = replaced
    this.#ask(this.#call as Call)
  }

  #pass (answer: Answer): void {
    if (this.#isSettled()) {
      drop(answer)
      return
    }
    // Whatever is thrown here would be thrown into undici's reading of the connection, or end the process.
    try {
      sendAnswer(this.#request, this.#reply, answer, { accessToken: this.#accessToken, linksVersion: this.#linksVersion })
    } catch (error) {
      drop(answer)
      this.refuse(error)
    }
  }

  #wait (work: () => Promise<void>): void {
    this.#underWay++
    work().catch((error: unknown) => { this.refuse(error) }).finally(() => { this.over() })
  }

  #isSettled (): boolean {
    return this.#reply.raw.destroyed || this.#reply.sent
  }

  #releaseWhenOver (): void {
    if (this.#underWay > 0 || !this.#reply.raw.destroyed) return
    this.#release()
    this.#release = () => {}
  }

  #createHeaders (): Headers {
    const { raw, target, tenant } = this.#request
    const loopName = this.#context.loopNameOf(tenant)
    const headers = toTenantHeaders(raw.headers)
    headers.host = tenant.url.host
    // RFC 8586: what others have written stays.
    headers['cdn-loop'] = raw.headers['cdn-loop'] === undefined ? loopName : `${String(raw.headers['cdn-loop'])}, ${loopName}`
    if (mayHoldLinks(target.path)) {
      headers['accept-encoding'] = readableEncodings(raw.headers['accept-encoding'])
      restoreConditions(headers, tenant.links.version)
    }
    return headers
  }
}

/** Leaves an answer that is not passed on: nobody else would hear of it when its stream breaks. */
function drop ({ body }: Answer): void {
  if (!Buffer.isBuffer(body)) body.destroy()
}
