import fp from 'fastify-plugin'

/**
 * While a server closes, each connection ends with the answer that it waits for. Node closes the connections that are idle when
 * it begins; one that becomes idle later would be kept alive, and with it the process, until the grace period is over.
 */
export const drainConnections = fp(async app => {
  let draining = false
  app.addHook('preClose', async () => { draining = true })
  app.addHook('onResponse', async () => {
    // The connection counts as idle only after the events of its answer.
    if (draining) setImmediate(() => app.server.closeIdleConnections())
  })
}, { name: 'drain-connections', fastify: '5.x' })
