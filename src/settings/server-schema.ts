import { z } from 'zod'
import { cidrRange, collectorUrl, count, fileMode, flag, headerPairs, list, portNumber, share, socketPath, timerSeconds } from './values.js'

/** What the command is told besides the options of the gateway itself. */
export const serverSchema = z.object({
  host: z.string().default('127.0.0.1'),
  port: portNumber.default(3000),
  unixSocket: socketPath.optional(),
  // Who may connect to it is who may write it: its owner and group.
  unixSocketMode: fileMode.default('660'),
  tlsCertFile: z.string().optional(),
  tlsKeyFile: z.string().optional(),
  adminHost: z.string().default('127.0.0.1'),
  adminPort: portNumber.optional(),
  trustedProxies: list(cidrRange).default([]),
  // Longer than any balancer keeps an idle connection by default: whoever sends on one that was closed a moment ago gets a 502.
  keepAliveSeconds: timerSeconds.default(620),
  shutdownGraceSeconds: timerSeconds.default(10),
  shutdownNoticeSeconds: count(86_400, 0).optional(),
  otlpEndpoint: collectorUrl.transform(url => new URL(`${url.pathname.replace(/\/$/, '')}/v1/traces`, url)).optional(),
  otlpTracesEndpoint: collectorUrl.optional(),
  otlpHeaders: headerPairs.default({}),
  serviceName: z.string().default('qlik-embed-gateway'),
  traceSample: share.default(1),
  traceContextToTenant: flag.default(false),
  // Four cookies of a session take 16 KB, Node's default for all headers together.
  maxHeaderBytes: count(262_144, 8_192).default(32_768),
  logFormat: z.enum(['json', 'pretty'], { error: 'is not a format: use json or pretty' }).default('json'),
  logLevel: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace'], { error: 'is not a level: use fatal, error, warn, info, debug or trace' }).default('info')
})

/** What the command needs besides the gateway itself. */
export type ServerConfig = z.output<typeof serverSchema>
