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
  /** Where spans go: OTLP over HTTP, in JSON. */
  collector: URL
  /** What is sent with them, such as a key of the collector's. */
  headers: Record<string, string>
  serviceName: string
  /** The share of traces that are recorded, from 0 to 1. */
  sample: number
  /** Reaches the collector, as through a proxy; directly unless given. */
  agent?: Agent | undefined
  log: FastifyBaseLogger
}

export interface Tracing {
  tracer: Tracer
  /** Starts the first span of a trace of this id. */
  startTrace: (traceId: string, name: string, options: SpanOptions) => Span
  /** Delivers what is left, for two seconds at most. */
  close: () => Promise<void>
}

const closeMs = 2_000

/**
 * OpenTelemetry's tracer for one gateway. Spans leave in batches and in the background; what a collector does not take
 * is lost, and 2,048 wait at most.
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
    // What fails is in the log already.
    close: async () => { await Promise.race([provider.shutdown().catch(() => {}), wait(closeMs, undefined, { ref: false })]) }
  }
}

/** One line when the collector takes nothing, and one when it does again. */
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
