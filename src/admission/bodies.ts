import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Socket } from 'node:net'
import { GatewayError } from '../errors.js'
import { sendContinue } from './continue.js'
import { isAnsweredEarly } from './turns.js'

export interface BodyOptions {
  /** How long a body may be silent, in ms. */
  timeoutMs: number
}

const sweepMs = 1_000

/**
 * Ends a request whose body has stopped arriving, with GW-REQUEST-TIMEOUT. A limit for the whole body would cut large
 * uploads on slow lines. A body that waits because the tenant reads slowly is left alone.
 */
export const bodyTimeout = fp<BodyOptions>(async (app, { timeoutMs }) => {
  // Fastify is about to read the body, so it is wanted. For what is forwarded, the tenant decides.
  app.addHook('preParsing', (request, reply, payload, done) => {
    if (request.routeOptions.config.forwards !== true) sendContinue(request.raw, reply.raw)
    done(null, payload)
  })

  const arriving = new Map<FastifyRequest, { reply: FastifyReply, socket: Socket, bytes: number, since: number }>()

  // One timer for all bodies, most of which are complete before it fires.
  const sweep = setInterval(() => {
    const now = performance.now()
    for (const [request, body] of arriving) {
      const { complete, readableLength } = request.raw
      const { bytesRead } = body.socket
      if (complete) {
        arriving.delete(request)
      } else if (readableLength > 0 || bytesRead !== body.bytes) {
        body.bytes = bytesRead
        body.since = now
      } else if (now - body.since >= timeoutMs) {
        arriving.delete(request)
        refuse(request, body.reply)
      }
    }
  }, Math.min(sweepMs, timeoutMs)).unref()
  app.addHook('onClose', async () => { clearInterval(sweep) })

  app.addHook('onRequest', (request, reply, done) => {
    const { headers, socket } = request.raw
    if (headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0') {
      arriving.set(request, { reply, socket, bytes: socket.bytesRead, since: performance.now() })
      reply.raw.once('close', () => { arriving.delete(request) })
    }
    done()
  })
}, { name: 'body-timeout', fastify: '5.x' })

function refuse (request: FastifyRequest, reply: FastifyReply): void {
  // An answer that has begun is cut together with the request.
  if (reply.raw.headersSent || isAnsweredEarly(reply.raw)) request.raw.destroy()
  else reply.header('connection', 'close').send(new GatewayError('GW-REQUEST-TIMEOUT'))
}
