import { AsyncLocalStorage } from 'node:async_hooks'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isAnsweredEarly } from '../admission/turns.js'
import { GatewayError } from '../errors.js'
import type { Signals } from '../signals.js'

/**
 * Follows each request through its callbacks, timers and promises. Returns what an exception handler calls: it ends the
 * request in whose course the exception was raised, and returns it; undefined where there was none. A request of which
 * nothing is answered yet gets GW-INTERNAL. The connection of another is cut: nobody takes what is there for a whole answer.
 */
export function followRequests (signals: Signals): (cause: unknown) => FastifyRequest | undefined {
  const current = new AsyncLocalStorage<[FastifyRequest, FastifyReply]>()
  signals.on('received', (request, reply) => { current.enterWith([request, reply]) })
  return cause => {
    const at = current.getStore()
    if (at === undefined) return undefined
    const [request, reply] = at
    if (reply.raw.writableFinished) return request
    // A socket has no answer any more, and its reply is hijacked.
    if (reply.raw.headersSent || reply.sent || isAnsweredEarly(reply.raw)) request.raw.socket.destroy()
    else reply.send(new GatewayError('GW-INTERNAL', { cause }))
    return request
  }
}
