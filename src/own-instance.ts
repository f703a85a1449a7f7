import type { FastifyServerOptions } from 'fastify'

/** Options of Fastify instances that the gateway makes itself. Their routes have no schemas. */
export const ownInstance: Pick<FastifyServerOptions, 'pluginTimeout' | 'schemaController'> = {
  // Plugins wait for the processor alone, and a container may have little of it. By Fastify's limit of ten seconds it would never start.
  pluginTimeout: 0,
  // Otherwise Fastify loads its schema compilers, a tenth of the time of a start.
  schemaController: { compilersFactory: { buildValidator: refuse, buildSerializer: refuse } }
}

function refuse (): never {
  throw new Error('This instance compiles no schemas.')
}
