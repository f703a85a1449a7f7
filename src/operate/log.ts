import fp from 'fastify-plugin'

/** One line per request: its route, never its address, which may hold a code, a state or a token. */
export const requestLog = fp(async app => {
  app.addHook('onResponse', async (request, reply) => {
    request.log.info({
      method: request.method,
      route: request.routeOptions.url ?? 'none',
      status: reply.statusCode,
      milliseconds: Math.round(reply.elapsedTime),
      client: request.ip
    }, 'request')
  })
}, { name: 'request-log', fastify: '5.x' })
