import type { ServerOptions } from 'node:http'
import fastify, { LogController, type FastifyInstance } from 'fastify'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Config, ServerConfig } from './settings/config.js'
import type { TenantsConfig } from './settings/config-file.js'
import { describeTenants, followConfigFile } from './settings/follow-config.js'
import { delayContinue } from './admission/continue.js'
import { answersInTurn, awaitTurn } from './admission/turns.js'
import { createTraceId } from './errors.js'
import { gateway } from './gateway.js'
import { addressOf, createSecureServer, listen, renewCertificate, trustedProxiesOf } from './listener.js'
import { ownInstance } from './own-instance.js'
import { adminListener } from './operate/admin.js'
import { answerError } from './operate/answer.js'
import { answerClientError } from './operate/client-errors.js'
import { drainConnections } from './operate/drain.js'
import { healthRoutes, watchHealth } from './operate/health.js'
import { describeFailure } from './operate/log.js'
import { createLogStream, type LogStream } from './operate/log-stream.js'
import { createPrettyLog } from './operate/pretty-log.js'
import { followRequests } from './operate/request-at-fault.js'
import { packageFile } from './package-file.js'
import { createProxyAgent } from './tenants/outbound-proxy.js'
import { version } from './version.js'

// For the headers of a request. Its body may take longer, as long as something of it arrives (admission/bodies.ts).
const headersTimeoutMs = 30_000
const checkIntervalMs = 5_000

const standardOutput = createLogStream()

/**
 * Makes the gateway as a server of its own, which does not listen yet: the plugin, the demo page, and answers to what is not HTTP. It logs
 * to standard output unless `stream` is given, and signals how many lines that drops.
 */
export async function createServer (config: Config | TenantsConfig, stream: LogStream = standardOutput): Promise<FastifyInstance> {
  const { gateway: options, server, certificate, warnings } = config
  const { signals } = options
  const health = watchHealth(signals)
  stream.onDropped = lines => { signals.emit('logDropped', lines) }
  const keepAliveTimeout = server.keepAliveSeconds * 1000
  const http: ServerOptions = {
    maxHeaderSize: server.maxHeaderBytes,
    headersTimeout: headersTimeoutMs,
    requestTimeout: 0,
    connectionsCheckingInterval: checkIntervalMs,
    keepAliveTimeout
  }
  const app = fastify({
    ...ownInstance,
    logger: { level: server.logLevel, stream },
    // Fastify's own lines hold the whole address, and with it the code and state of a login.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'traceId' }),
    genReqId: createTraceId,
    trustProxy: trustedProxiesOf(server),
    http,
    ...(certificate === undefined ? {} : { serverFactory: createSecureServer(certificate, http) }),
    keepAliveTimeout,
    forceCloseConnections: 'idle',
    // While the gateway drains, it still answers on open connections. Probes of /readyz learn of the draining there.
    return503OnClosing: false,
    frameworkErrors: (_error, request, reply) => {
      signals.emit('refused', 'GW-BAD-TARGET', 'none')
      // No hook is called for these.
      awaitTurn(request.raw, reply.raw, () => {
        answerError('GW-BAD-TARGET', request, reply, { home: 'tenants' in options ? '/' : options.publicUrl.href })
      })
    },
    clientErrorHandler: (error, socket) => {
      answerClientError(error as Error, socket, code => { signals.emit('refused', code, 'none') })
    }
  })
  const { otlpEndpoint, otlpTracesEndpoint: collector = otlpEndpoint } = server
  app.log.info({
    version,
    node: process.version,
    listeners: {
      gateway: server.unixSocket ?? addressOf(server.host, server.port, certificate === undefined ? 'http' : 'https'),
      admin: server.adminPort === undefined ? undefined : addressOf(server.adminHost, server.adminPort)
    },
    ...describeTenants(options),
    redis: options.redisUrl !== undefined,
    traces: collector !== undefined
  }, 'starting')
  for (const warning of warnings) app.log.warn(warning)
  await app.register(drainConnections)
  delayContinue(app.server)
  if (certificate !== undefined) renewCertificate(app, certificate, signals)
  if (server.adminPort !== undefined) {
    // Prometheus's client and OpenTelemetry take memory and time to load, so they are loaded only where they are used.
    const { createMetrics } = await import('./operate/metrics.js')
    await app.register(adminListener, { host: server.adminHost, port: server.adminPort, metrics: createMetrics(signals), health })
  }
  if (collector !== undefined) {
    const { traceGateway } = await import('./operate/traces.js')
    const { otlpHeaders: headers, serviceName, traceSample: sample, traceContextToTenant: contextToTenant } = server
    const tenantUrl = 'tenants' in options ? undefined : options.tenantUrl
    const agent = createProxyAgent(collector, 'file' in config ? config.proxies : config.gateway)
    app.addHook('onClose', traceGateway(signals, {
      collector, headers, serviceName, sample, contextToTenant, tenantUrl, agent, log: app.log
    }))
  }
  const publicFolder = fileURLToPath(packageFile('public'))
  await app.register(gateway, { ...options, drainSeconds: shutdownTimes(server).drainSeconds, publicFolder })
  if ('file' in config) followConfigFile(app, config)
  // A platform probes the root, under any host name, whatever path the gateway is mounted below.
  if ('tenants' in options || options.publicUrl.pathname !== '/') {
    await app.register(async root => {
      await root.register(answersInTurn)
      await root.register(healthRoutes, { health })
      if ('tenants' in options) return
      root.setNotFoundHandler((request, reply) => answerError('GW-NOT-FOUND', request, reply, { home: options.publicUrl.href }))
    })
  }
  return app
}

/**
 * Serves until SIGTERM or SIGINT; rejects if it cannot listen. SIGHUP reads files again.
 *
 * On SIGTERM or SIGINT the gateway first reports that it is not ready. It then accepts no more connections, closes its WebSockets one after
 * another and finishes the requests in flight. The process exits at the end of the grace period at the latest. After an exception that
 * nothing caught, its state is unknown: it ends the request at fault, drains in the same way and exits with status 1, so that a supervisor
 * starts another.
 */
export async function serve (config: Config | TenantsConfig): Promise<void> {
  const { signals } = config.gateway
  const endRequestAtFault = followRequests(signals)
  process.on('SIGHUP', () => { signals.emit('reload') })
  const app = await createServer(config, config.server.logFormat === 'pretty' ? await createPrettyLog(standardOutput) : standardOutput)
  const { graceMs, noticeMs } = shutdownTimes(config.server)
  await listen(app, config.server)
  app.log.info(describeTenants(config.gateway), 'ready')

  let stopping = false

  async function stop (reason: NodeJS.Signals | 'exception'): Promise<void> {
    if (stopping) return
    stopping = true
    app.log.info({ signal: reason }, 'draining')
    setTimeout(() => {
      app.log.warn('the grace period is over: what is left is cut')
      process.exit()
    }, graceMs).unref()
    signals.emit('draining')
    // Balancers need time to notice. SIGINT comes from a terminal, where there is none.
    if (reason !== 'SIGINT') await wait(noticeMs)
    await app.close()
    process.exit()
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  // Unhandled rejections arrive here too. Further exceptions may follow from the first: each is logged, and the draining goes on.
  process.on('uncaughtException', async error => {
    const { log } = endRequestAtFault(error) ?? app
    log.fatal(describeFailure(error), 'an exception that nothing caught: the gateway drains and ends')
    signals.emit('crashed')
    process.exitCode = 1
    await stop('exception')
  })
}

/** The times of a shutdown: first for balancers to notice; of the rest, four fifths to close WebSockets and one for the last to end. */
function shutdownTimes ({ shutdownGraceSeconds, shutdownNoticeSeconds = shutdownGraceSeconds / 5 }: ServerConfig) {
  const drainSeconds = Math.max(1, Math.floor((shutdownGraceSeconds - shutdownNoticeSeconds) * 0.8))
  return { graceMs: shutdownGraceSeconds * 1000, noticeMs: shutdownNoticeSeconds * 1000, drainSeconds }
}
