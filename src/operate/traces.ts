import { AsyncLocalStorage } from 'node:async_hooks'
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Context, type Span } from '@opentelemetry/api'
import type { Signals } from '../signals.js'
import { isProbe } from './health.js'
import { createTracing, type TracingOptions } from './tracing.js'

export interface TraceOptions extends TracingOptions {
  /** Undefined if there are several tenants. */
  tenantUrl: URL | undefined
  /** Whether forwarded requests and upgrades carry trace context to the tenant (W3C Trace Context). */
  contextToTenant: boolean
}

/**
 * Records spans: one for each request, each call of the tenant and each WebSocket.
 * Their trace id is that of the log and of error answers. A client's `traceparent` is ignored, since it would let
 * anybody write into any trace. Returns a function that delivers the remaining spans.
 */
export function traceGateway (signals: Signals, { tenantUrl, contextToTenant, ...options }: TraceOptions): () => Promise<void> {
  const { startTrace, tracer, close } = createTracing(options)
  const current = new AsyncLocalStorage<Context>()
  const here = () => current.getStore() ?? ROOT_CONTEXT
  const requests = new WeakMap<object, Span>()
  const calls = new WeakMap<object, Span>()
  const sockets = new Map<string, Span>()
  const server = tenantUrl === undefined ? {} : { 'server.address': tenantUrl.hostname }

  signals.on('received', request => {
    const { id, method, routeFamily } = request
    if (isProbe(routeFamily)) return
    const span = startTrace(
      id, `${method} ${routeFamily}`, { kind: SpanKind.SERVER, attributes: { 'http.request.method': method, 'http.route': routeFamily } }
    )
    requests.set(request, span)
    current.enterWith(trace.setSpan(ROOT_CONTEXT, span))
  })
  signals.on('refused', code => { trace.getSpan(here())?.setAttribute('error.type', code) })
  signals.on('answered', (request, reply, aborted) => {
    const span = requests.get(request)
    // If the client has left, it did not see the status of the reply.
    if (aborted) span?.addEvent('the client left').end()
    else endWith(span, reply.statusCode, 500)
  })

  signals.on('tenantAsked', (asking, tenant) => {
    const attributes = tenant === undefined ? server : { 'qlik.tenant': tenant }
    const span = tracer.startSpan(`tenant ${asking.call}`, { kind: SpanKind.CLIENT, attributes }, here())
    calls.set(asking, span)
    if (!contextToTenant || asking.headers === undefined) return
    const { traceId, spanId, traceFlags } = span.spanContext()
    asking.headers.traceparent = `00-${traceId}-${spanId}-0${traceFlags}`
    delete asking.headers.tracestate
  })
  signals.on('tenantAnswered', (asking, status) => { endWith(calls.get(asking), status, 400) })

  signals.on('socketOpened', traceId => {
    endWith(trace.getSpan(here()), 101, 500)
    sockets.set(traceId, tracer.startSpan('socket', { attributes: { 'http.route': '/app' } }, here()))
  })
  signals.on('socketClosed', ({ traceId, by, code, bytesFromClient, bytesToClient }) => {
    sockets.get(traceId)?.setAttributes({
      'socket.closed_by': by,
      'socket.close_code': code,
      'socket.bytes_from_client': bytesFromClient,
      'socket.bytes_to_client': bytesToClient
    }).end()
    sockets.delete(traceId)
  })
  return close
}

/** Ends the span of an exchange. A status of 0 means that there was no answer. */
function endWith (span: Span | undefined, status: number, firstError: number): void {
  if (status > 0) span?.setAttribute('http.response.status_code', status)
  if (status === 0 || status >= firstError) span?.setStatus({ code: SpanStatusCode.ERROR })
  span?.end()
}
