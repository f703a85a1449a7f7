import type { IncomingHttpHeaders } from 'node:http'
import { interceptors, type Dispatcher } from 'undici'
import type { Signals } from '../signals.js'
import type { TenantRequest } from '../tenants/noted-client.js'
import type { Transport } from '../tenants/transport.js'
import type { AssetStore } from './asset-store.js'
import type { Answer } from './exchange.js'
import type { Headers } from './headers.js'

/** A request that is the same for every client. */
export interface AssetRequest extends TenantRequest {
  origin: string
  headers: Headers
}

type Begin = (headers: Headers) => void

// Headers that browsers send with every request. An answer that depends on another header must not be shared with
// clients that did not send it.
const everybodys = new RegExp(`^(?:${[
  'host|cdn-loop|accept|accept-(?:encoding|language)|user-agent|cache-control|pragma|if-none-match|if-modified-since',
  'dnt|priority|save-data|upgrade-insecure-requests|traceparent|tracestate|sec-(?:gpc|purpose|fetch-[a-z-]+|ch-[a-z-]+)'
].join('|')})$`)

/**
 * Caches answers to requests without a session by the rules of a shared cache (RFC 9111), which undici's interceptor
 * implements. Of several identical requests at the same time, one is sent to the tenant.
 */
export class SharedCache {
  readonly #store: AssetStore
  readonly #transport: Transport
  readonly #signals: Signals
  readonly #waitMs: number
  readonly #cached: Dispatcher['dispatch']
  readonly #underWay = new Map<string, Promise<void>>()

  /** `waitMs`: how long a request waits at most for the answer to an identical one, whose client may be slow. */
  constructor (store: AssetStore, transport: Transport, signals: Signals, waitMs = 2_000) {
    this.#store = store
    this.#transport = transport
    this.#signals = signals
    this.#waitMs = waitMs
    // The interceptor copies the request with all its options.
    const cache = interceptors.cache({ store, methods: ['GET'], type: 'shared' })
    this.#cached = cache((request, handler) => this.#ask(request as AssetRequest & { begin: Begin }, handler))
  }

  /**
   * Whether the request may be answered from the cache. A conditional request goes to the tenant if nothing is stored
   * that it could refer to.
   */
  takes (request: AssetRequest): boolean {
    const { method, headers } = request
    return method === 'GET' && Object.keys(headers).every(name => everybodys.test(name)) &&
      !/no-store/i.test(String(headers['cache-control'])) &&
      (!isConditional(headers) || this.#store.holds(request))
  }

  /**
   * Resolves when it is known whether the answer to an identical request under way was stored. Undefined if there is
   * none.
   */
  underWay (request: AssetRequest): Promise<void> | undefined {
    return this.#underWay.get(nameOf(request))
  }

  /**
   * Returns a dispatch function that goes through the cache. `begin` is called with the headers if the request is sent
   * to the tenant.
   */
  dispatchBy (request: AssetRequest, begin: Begin): Transport['dispatch'] {
    return (_request, handler) => {
      let isHit = true
      const asking = (headers: Headers): void => {
        isHit = false
        begin(headers)
      }
      this.#cached({ ...request, headers: toPlainHeaders(request.headers), noted: request, begin: asking } as AssetRequest, handler)
      this.#signals.emit('assetAsked', isHit ? 'hit' : 'miss')
    }
  }

  #ask (request: AssetRequest & { begin: Begin }, handler: Dispatcher.DispatchHandler): boolean {
    request.begin(request.headers)
    this.#transport.dispatch(request, this.#underWay.has(nameOf(request)) ? handler : this.#watch(request, handler))
    return true
  }

  #watch (request: AssetRequest, handler: Dispatcher.DispatchHandler): Dispatcher.DispatchHandler {
    const name = nameOf(request)
    let known: (() => void) | undefined
    this.#underWay.set(name, new Promise(resolve => { known = resolve }))
    const end = (): void => {
      clearTimeout(timer)
      this.#underWay.delete(name)
      known?.()
    }
    const timer = setTimeout(end, this.#waitMs).unref()
    return {
      onRequestStart: (...start) => handler.onRequestStart?.(...start),
      onResponseStart: (...start) => {
        const { begun } = this.#store
        handler.onResponseStart?.(...start)
        if (this.#store.begun === begun) end()
      },
      onResponseData: (...data) => handler.onResponseData?.(...data),
      onResponseEnd: (...rest) => {
        handler.onResponseEnd?.(...rest)
        // By then the answer has been stored.
        setImmediate(end)
      },
      onResponseError: (...error) => {
        end()
        handler.onResponseError?.(...error)
      }
    }
  }
}

function nameOf ({ origin, path, headers }: AssetRequest): string {
  return `${origin}${path} ${String(headers['accept-encoding'])}`
}

/**
 * Reduces a client's cache directives to a demand for validation. Others could make the cache serve stale answers, or
 * none.
 */
function toPlainHeaders (
  { 'cache-control': control, pragma, 'if-none-match': _tags, 'if-modified-since': _since, ...headers }: Headers
): Headers {
  const asksAnew = /no-cache|max-age=0/i.test(`${String(control)} ${String(pragma)}`)
  return asksAnew ? { ...headers, 'cache-control': 'no-cache' } : headers
}

function isConditional (headers: Headers): boolean {
  return headers['if-none-match'] !== undefined || headers['if-modified-since'] !== undefined
}

/** Answers a conditional request whose condition was not sent to the tenant (RFC 9110, section 13.2.2). */
export function answerCondition (asked: IncomingHttpHeaders, answer: Answer): Answer {
  if (answer.status !== 200 || !isKnown(asked, answer.headers)) return answer
  // The discarded stream needs an error listener.
  if (!Buffer.isBuffer(answer.body)) answer.body.on('error', () => {}).destroy()
  const { 'content-length': _length, 'content-encoding': _coding, 'content-type': _type, ...headers } = answer.headers
  return { status: 304, headers, body: Buffer.alloc(0) }
}

function isKnown (
  { 'if-none-match': tags, 'if-modified-since': since = '' }: IncomingHttpHeaders,
  { etag, 'last-modified': modified = '' }: IncomingHttpHeaders
): boolean {
  if (tags !== undefined) return etag !== undefined && tags.split(',').some(tag => opaque(tag) === opaque(etag))
  return Date.parse(modified) <= Date.parse(since)
}

function opaque (tag: string): string {
  return tag.trim().replace(/^W\//, '')
}
