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

/** What all requests below some path prefixes have in common. */
export interface ForwardingContext {
  /** Whether the requests have sessions, which the limits use to tell clients apart. */
  hasSessions: boolean
  limitOf: (tenant: Tenant) => ConcurrencyLimit
  /** The name of this gateway in a request, by which it detects that a request has come back to it. */
  loopNameOf: (tenant: Tenant) => string
  /** Shares answers among all clients. Never set for requests with a session. */
  cacheOf?: ((tenant: Tenant) => SharedCache) | undefined
}

type Call = AssetRequest & { body: RequestBody }

/**
 * One request on its way to the tenant and back.
 * Without a body it is sent again with another token if the tenant refuses the first. It counts against the limits
 * until its client has the whole answer, or has left, and the dispatcher holds nothing of it any more.
 */
export class ForwardedRequest implements ExchangeListener {
  readonly #context: ForwardingContext
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  #call: Call | undefined
  #accessToken: string | undefined
  #mayRepeat = true
  #mayWait = true
  /** The version of the link rules when the request was sent. */
  #linksVersion = ''
  /** Unfinished work: calls of the tenant, and what precedes them. */
  #underWay = 0
  #release: (() => void) | undefined
  #endCall: (status: number) => void = () => {}

  constructor (context: ForwardingContext, request: FastifyRequest, reply: FastifyReply) {
    this.#context = context
    this.#request = request
    this.#reply = reply
  }

  /** Sends the request with a token, unless its client has left in the meantime. Raises the errors of the limits. */
  send (accessToken: string | undefined): void {
    const { hasSessions, limitOf } = this.#context
    const { method, target, raw, tenant } = this.#request
    if (this.#isSettled()) return
    // Requests without a session count together: behind an untrusted proxy all clients have one address.
    this.#release = limitOf(tenant).acquire(hasSessions ? String(this.#request.qlikSession.peek()?.id) : '')
    this.#reply.raw.once('close', () => { this.#releaseWhenOver() })
    this.#accessToken = accessToken
    this.#linksVersion = tenant.links.version
    const headers = this.#createHeaders()
    sendContinue(raw, this.#reply.raw)
    const body = readBody(this.#request, headers)
    const call = {
      origin: tenant.url.origin,
      // The path that was checked. A URL parser might write it differently.
      path: target.path + dropParameters(target.query, tokenParameter),
      method,
      headers
    }
    if (body instanceof Promise) this.#wait(async () => { this.#ask({ ...call, body: await body }) })
    else this.#ask({ ...call, body })
  }

  /** Answers with an error, if the client is still there and has no answer yet. */
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

  /** Renews a token that the tenant refused, and repeats this request if it has no body and was sent only once. */
  async #renew (answer: Answer, refused: string): Promise<void> {
    const isRepeated = this.#mayRepeat && this.#call?.body === null
    this.#mayRepeat = false
    // The body may fail in the meantime, and an error of a stream without a listener ends the process.
    const { body } = answer
    if (!Buffer.isBuffer(body)) body.on('error', () => {})
    let replaced: string | undefined
    try {
      replaced = await this.#request.replaceAccessToken(refused, isRepeated)
    } catch (error) {
      // If there is no other token, the tenant's own answer is passed on, unless the login itself has ended.
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
    // An exception here would end up in undici's code that reads the connection, or end the process.
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
    this.#release?.()
    this.#release = undefined
  }

  #createHeaders (): Headers {
    const { raw, target, tenant } = this.#request
    const loopName = this.#context.loopNameOf(tenant)
    const headers = toTenantHeaders(raw.headers)
    headers.host = tenant.url.host
    // RFC 8586: keep what other proxies have added.
    headers['cdn-loop'] = raw.headers['cdn-loop'] === undefined ? loopName : `${String(raw.headers['cdn-loop'])}, ${loopName}`
    if (mayHoldLinks(target.path)) {
      headers['accept-encoding'] = readableEncodings(raw.headers['accept-encoding'])
      restoreConditions(headers, tenant.links.version)
    }
    return headers
  }
}

/** Discards an answer that is not passed on. Its stream needs an error listener. */
function drop ({ body }: Answer): void {
  if (!Buffer.isBuffer(body)) body.destroy()
}
