import type { FastifyError, FastifyReply, FastifyRequest, onRequestHookHandler, onSendHookHandler } from 'fastify'

// Every request passes half a dozen hooks. Promises for them would be a tenth of the cost of forwarding, so these hooks
// call `done`, and what they throw must be caught here: Fastify does not.

/** An onRequest hook from a function that may throw. It returns true if it has sent the answer. */
export function onRequestHook (judge: (request: FastifyRequest, reply: FastifyReply) => boolean | undefined): onRequestHookHandler {
  return (request, reply, done) => {
    let answered
    try {
      answered = judge(request, reply)
    } catch (error) {
      done(error as FastifyError)
      return
    }
    if (answered !== true) done()
  }
}

/** An onSend hook from a function that adds headers and must not throw. */
export function onSendHook (add: (request: FastifyRequest, reply: FastifyReply) => void): onSendHookHandler {
  return (request, reply, payload, done) => {
    add(request, reply)
    done(null, payload)
  }
}
