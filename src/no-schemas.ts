import type { FastifyServerOptions } from 'fastify'

/** Options of instances whose routes have no schemas. Otherwise Fastify loads its schema compilers, a tenth of the time of a start. */
export const noSchemas: Pick<FastifyServerOptions, 'schemaController'> = {
  schemaController: { compilersFactory: { buildValidator: refuse, buildSerializer: refuse } }
}

function refuse (): never {
  throw new Error('This instance compiles no schemas.')
}
