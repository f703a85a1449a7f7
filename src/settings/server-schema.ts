import { z } from 'zod'
import { cidrRange, collectorUrl, socketPath } from './addresses.js'
import { fileMode, fraction, headerPairs, limit, list, portNumber, timerSeconds, trueOrFalse } from './values.js'

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const

/** Settings of the command `serve` besides the options of the gateway itself. */
export const serverSchema = z.object({
  host: z.string().default('127.0.0.1'),
  port: portNumber.default(3000),
  unixSocket: socketPath.optional(),
  // Whoever may write to the socket may connect: its owner and group.
  unixSocketMode: fileMode.default('660'),
  tlsCertFile: z.string().optional(),
  tlsKeyFile: z.string().optional(),
  adminHost: z.string().default('127.0.0.1'),
  adminPort: portNumber.optional(),
  trustedProxies: list(cidrRange).default([]),
  // Longer than balancers keep an idle connection by default. A balancer that sends on a connection which was closed a
  // moment ago answers 502.
  keepAliveSeconds: timerSeconds.default(620),
  shutdownGraceSeconds: timerSeconds.default(10),
  shutdownNoticeSeconds: limit(86_400, 0).optional(),
  otlpEndpoint: collectorUrl.transform(url => new URL(`${url.pathname.replace(/\/$/, '')}/v1/traces`, url)).optional(),
  otlpTracesEndpoint: collectorUrl.optional(),
  otlpHeaders: headerPairs.default({}),
  serviceName: z.string().default('qlik-embed-gateway'),
  traceSample: fraction.default(1),
  traceContextToTenant: trueOrFalse.default(false),
  // The four cookies of a large session take 16 KB, which is Node's default for all headers together.
  maxHeaderBytes: limit(262_144, 8_192).default(32_768),
  logFormat: z.enum(['json', 'pretty'], { error: 'is not a format: use json or pretty' }).default('json'),
  logLevel: z.enum(logLevels, { error: 'is not a level: use fatal, error, warn, info, debug or trace' }).default('info')
})

/** Those settings, checked and complete. */
export type ServerConfig = z.output<typeof serverSchema>
