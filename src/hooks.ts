import type { FastifyError, FastifyReply, FastifyRequest, onRequestHookHandler, onSendHookHandler } from 'fastify'

// Every request passes half a dozen hooks, and a promise for each is a tenth of what forwarding costs. Fastify catches nothing that a
// hook without a promise throws.

/** An onRequest hook of a function that may throw; when it returns true, it has answered. */
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

/** An onSend hook of a function that adds headers. It must not throw. */
export function onSendHook (add: (request: FastifyRequest, reply: FastifyReply) => void): onSendHookHandler {
  return (request, reply, payload, done) => {
    add(request, reply)
    done(null, payload)
  }
}
