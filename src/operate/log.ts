import type { Signals } from '../signals.js'

/** One line per request: its route, never its address, which may hold a code, a state or a token. */
export function writeRequestLog (signals: Signals): void {
  signals.on('answered', (request, reply, aborted) => {
    request.log.info({
      method: request.method,
      route: request.routeFamily,
      status: reply.statusCode,
      ...(aborted ? { aborted } : {}),
      milliseconds: Math.round(reply.elapsedTime),
      tenantMilliseconds: request.tenantMilliseconds,
      client: request.ip
    }, 'request')
  })
}
