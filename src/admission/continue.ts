import type { IncomingMessage, Server, ServerResponse } from 'node:http'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the body of a request goes to the tenant, which then decides whether it is wanted. */
    forwards?: boolean
  }
}

const waiting = new WeakSet<IncomingMessage>()

/**
 * Lets clients that ask before they send a body (`Expect: 100-continue`, RFC 9110, section 10.1.1) wait until it is
 * wanted: Node tells them to go on before anybody has looked at the request.
 */
export function delayContinue (server: Server): void {
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    waiting.add(request)
    server.emit('request', request, response)
  })
}

/** Tells a client that waits to send its body, when it is the turn of its request. */
export function sendContinue (request: IncomingMessage, response: ServerResponse): void {
  if (!waiting.has(request)) return
  const send = () => { if (waiting.delete(request)) response.writeContinue() }
  if (response.socket !== null) send()
  // Written now, it would precede the earlier answers.
  else response.once('socket', send)
}

/** To be called when a request has its answer, and its body is not wanted any more. */
export function forgetContinue (request: IncomingMessage): void {
  waiting.delete(request)
}
