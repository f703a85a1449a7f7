import type { FastifyServerOptions } from 'fastify'

/** Options of Fastify instances that the gateway makes itself. Their routes have no schemas. */
export const ownInstance: Pick<FastifyServerOptions, 'pluginTimeout' | 'schemaController'> = {
  // Their plugins wait for nothing but the processor. A container that has little of it may need more than Fastify's limit of ten seconds,
  // and would fail at each start.
  pluginTimeout: 0,
  // Otherwise Fastify loads its schema compilers, a tenth of the time of a start.
  schemaController: { compilersFactory: { buildValidator: refuse, buildSerializer: refuse } }
}

function refuse (): never {
  throw new Error('This instance compiles no schemas.')
}
