import type { FastifyServerOptions } from 'fastify'

/** For instances whose routes have no schemas: Fastify would load its compilers for them all the same, a tenth of the start. */
export const noSchemas: Pick<FastifyServerOptions, 'schemaController'> = {
  schemaController: { compilersFactory: { buildValidator: refuse, buildSerializer: refuse } }
}

function refuse (): never {
  throw new Error('This instance compiles no schemas.')
}
