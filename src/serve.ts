import fastify, { LogController, type FastifyInstance } from 'fastify'
import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Config } from './config.js'
import { describeError } from './errors.js'
import { gateway } from './gateway.js'
import { answerError } from './operate/answer.js'
import { healthRoutes } from './operate/health.js'

// Four cookies of a session take 16 KB, Node's default for all headers together.
const maxHeaderBytes = 32_768

const createTraceId = () => randomUUID().replaceAll('-', '')

/** The gateway as a server of its own, not listening yet: the plugin, the demo page, and answers to what is not even HTTP. */
export async function createServer ({ gateway: options, server, warnings }: Config): Promise<FastifyInstance> {
  const app = fastify({
    logger: { level: server.logLevel },
    // Fastify's own lines hold the whole address, and with it the code and state of a login.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'traceId' }),
    genReqId: createTraceId,
    trustProxy: server.trustedProxies.length > 0 ? server.trustedProxies : false,
    http: { maxHeaderSize: maxHeaderBytes },
    forceCloseConnections: 'idle',
    frameworkErrors: (_error, request, reply) => { answerError('GW-BAD-TARGET', request, reply) },
    clientErrorHandler: (error, socket) => { answerClientError((error as NodeJS.ErrnoException).code, socket) }
  })
  for (const warning of warnings) app.log.warn(warning)
  await app.register(gateway, { ...options, publicFolder: fileURLToPath(new URL('../public', import.meta.url)) })
  // Probes of a platform come to the root, whatever path the gateway is mounted below.
  if (options.publicUrl.pathname !== '/') await app.register(healthRoutes)
  return app
}

/** Serves until SIGTERM or SIGINT; the process ends with the grace period at the latest. Rejects when it cannot listen. */
export async function serve (config: Config): Promise<void> {
  const app = await createServer(config)
  const { host, port, shutdownGraceSeconds } = config.server
  await app.listen({ host, port })
  app.log.info({ publicUrl: config.gateway.publicUrl.href, tenant: config.gateway.tenantUrl.origin }, 'ready')

  function stop (signal: NodeJS.Signals): void {
    app.log.info({ signal }, 'draining')
    setTimeout(() => {
      app.log.warn('the grace period is over: what is left is cut')
      process.exit(0)
    }, shutdownGraceSeconds * 1000).unref()
    app.close().then(() => process.exit(0), (error: Error) => {
      app.log.error({ failure: error.message }, 'the gateway could not close')
      process.exit(1)
    })
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}

function answerClientError (code: string | undefined, socket: Socket): void {
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const tooLarge = code === 'HPE_HEADER_OVERFLOW'
  const status = tooLarge ? '431 Request Header Fields Too Large' : code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request'
  const body = JSON.stringify(describeError(tooLarge ? 'GW-TOO-MANY-COOKIES' : 'GW-BAD-REQUEST', createTraceId()))
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
}
