import { randomUUID } from 'node:crypto'
import type { Agent } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { ROOT_CONTEXT, type Span, type SpanOptions, type Tracer } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor, RandomIdGenerator, TraceIdRatioBasedSampler, TracerProvider, type SpanExporter
} from '@opentelemetry/sdk-trace'
import type { FastifyBaseLogger } from 'fastify'
import { version } from '../version.js'

export interface TracingOptions {
  /** Where spans are sent: OTLP over HTTP, in JSON. */
  collector: URL
  /** Headers to send with them, such as an API key of the collector. */
  headers: Record<string, string>
  serviceName: string
  /** The fraction of traces that are recorded, from 0 to 1. */
  sample: number
  /**
   * An agent that reaches the collector, for example through a proxy. Without one the collector is reached directly.
   */
  agent?: Agent | undefined
  log: FastifyBaseLogger
}

export interface Tracing {
  tracer: Tracer
  /** Starts the first span of the trace with this id. */
  startTrace: (traceId: string, name: string, options: SpanOptions) => Span
  /** Delivers the remaining spans, within two seconds. */
  close: () => Promise<void>
}

const closeMs = 2_000

/**
 * OpenTelemetry's tracer for one gateway. Spans are sent in batches in the background. Up to 2,048 spans are buffered,
 * and those that a collector does not accept are lost.
 */
export function createTracing ({ collector, headers, serviceName, sample, agent, log }: TracingOptions): Tracing {
  const random = new RandomIdGenerator()
  let next: string | undefined
  const provider = new TracerProvider({
    resource: defaultResource().merge(resourceFromAttributes({
      'service.name': serviceName,
      'service.version': version,
      'service.instance.id': randomUUID()
    })),
    sampler: new TraceIdRatioBasedSampler(sample),
    idGenerator: { generateTraceId: () => next ?? random.generateTraceId(), generateSpanId: random.generateSpanId },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: tellFailures(
          new OTLPTraceExporter({ url: collector.href, headers, ...agent === undefined ? {} : { httpAgentOptions: () => agent } }), log
        )
      })
    ]
  })
  const tracer = provider.getTracer('qlik-embed-gateway', version)
  return {
    tracer,
    startTrace (traceId, name, options) {
      next = traceId
      const span = tracer.startSpan(name, options, ROOT_CONTEXT)
      next = undefined
      return span
    },
    // A failure has been logged already.
    close: async () => { await Promise.race([provider.shutdown().catch(() => {}), wait(closeMs, undefined, { ref: false })]) }
  }
}

/** Logs one line when the collector stops accepting spans, and one when it accepts them again. */
function tellFailures (exporter: SpanExporter, log: FastifyBaseLogger): SpanExporter {
  let failing = false
  return {
    export (spans, done) {
      exporter.export(spans, result => {
        const failed = result.error !== undefined
        if (failed && !failing) log.warn({ failure: result.error?.message }, 'the collector takes no traces: they are lost until it does')
        if (!failed && failing) log.info('the collector takes traces again')
        failing = failed
        done(result)
      })
    },
    shutdown: async () => { await exporter.shutdown() }
  }
}
