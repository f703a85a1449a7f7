import type { IncomingHttpHeaders } from 'node:http'
import { interceptors, type Dispatcher } from 'undici'
import type { Signals } from '../signals.js'
import type { TenantRequest } from '../tenants/noted-client.js'
import type { Transport } from '../tenants/transport.js'
import type { AssetStore } from './asset-store.js'
import type { Answer } from './exchange.js'
import type { Headers } from './headers.js'

/** A request that anybody may have made. */
export interface AssetRequest extends TenantRequest {
  origin: string
  headers: Headers
}

type Begin = (headers: Headers) => void

// What browsers send with every request. An answer that follows from another header would be passed on to people who did not send it.
const everybodys = new RegExp(`^(?:${[
  'host|cdn-loop|accept|accept-(?:encoding|language)|user-agent|cache-control|pragma|if-none-match|if-modified-since',
  'dnt|priority|save-data|upgrade-insecure-requests|traceparent|tracestate|sec-(?:gpc|purpose|fetch-[a-z-]+|ch-[a-z-]+)'
].join('|')})$`)

/**
 * Answers to requests without a session, by the rules of a shared cache (RFC 9111), as undici's interceptor reads them.
 * Of several who ask for the same at a time one asks the tenant.
 */
export class SharedCache {
  readonly #store: AssetStore
  readonly #transport: Transport
  readonly #signals: Signals
  readonly #waitMs: number
  readonly #cached: Dispatcher['dispatch']
  readonly #underWay = new Map<string, Promise<void>>()

  /** `waitMs`: how long at most one waits for the answer to another, whose client may be slow. */
  constructor (store: AssetStore, transport: Transport, signals: Signals, waitMs = 2_000) {
    this.#store = store
    this.#transport = transport
    this.#signals = signals
    this.#waitMs = waitMs
    // Each option of a request is in the copy that the interceptor passes on.
    const cache = interceptors.cache({ store, methods: ['GET'], type: 'shared' })
    this.#cached = cache((request, handler) => this.#ask(request as AssetRequest & { begin: Begin }, handler))
  }

  /** Whether the answer to a request may come from here. A condition is for the tenant where nothing is held that it could be about. */
  takes (request: AssetRequest): boolean {
    const { method, headers } = request
    return method === 'GET' && Object.keys(headers).every(name => everybodys.test(name)) &&
      !/no-store/i.test(String(headers['cache-control'])) &&
      (!isConditional(headers) || this.#store.holds(request))
  }

  /** Resolves when it is known whether the answer to the same question of another is kept; undefined where nobody asks it. */
  underWay (request: AssetRequest): Promise<void> | undefined {
    return this.#underWay.get(nameOf(request))
  }

  /** What sends a request by way of the cache. `begin` is called before the tenant is asked, with the headers that it will get. */
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
    let known = (): void => {}
    this.#underWay.set(name, new Promise(resolve => { known = resolve }))
    const end = (): void => {
      clearTimeout(timer)
      this.#underWay.delete(name)
      known()
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
        // What was written is kept by then.
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
 * What a client may ask of a shared cache: to have the answer validated. The rest could make it answer with what is
 * stale, or not at all.
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

/** What a client gets that asked on a condition, which the tenant did not hear of (RFC 9110, section 13.2.2). */
export function answerCondition (asked: IncomingHttpHeaders, answer: Answer): Answer {
  if (answer.status !== 200 || !isKnown(asked, answer.headers)) return answer
  // Nobody else would hear of it when its stream breaks.
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
