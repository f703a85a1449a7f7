import Fastify, { type FastifyInstance } from 'fastify'
import { Refusal } from '../front/errors.js'
import { login, type LoginOptions } from '../oauth/login.js'
import { api, type ApiOptions } from './api.js'
import { controlRoutes } from './control-routes.js'
import { publicFiles, type FilesOptions } from './files.js'
import { frames } from './frames.js'

/** Everything that is served by Fastify routes: controls, login pages, files, frames and the REST API. */
export type RoutesOptions = ApiOptions & LoginOptions & FilesOptions & { log: (line: string) => void }

/** Prepares the routes. They are called through `routing`; this server does not listen. */
export async function createRoutes (options: RoutesOptions): Promise<FastifyInstance> {
  const app = Fastify({ routerOptions: { maxParamLength: 500 } })
  app.setNotFoundHandler(async (request, reply) => {
    const refusal = new Refusal(404, 'HTTP-404', 'Not found', `There is no ${request.method} ${request.url.split('?', 1)[0] ?? ''}.`)
    return await reply.code(404).send(refusal.toBody())
  })
  app.setErrorHandler(async (error: Error & { statusCode?: number, code?: string }, request, reply) => {
    const { statusCode = 500 } = error
    if (statusCode >= 500) options.log(`${request.method} ${request.url}: ${error.stack ?? error.message}`)
    const refusal = error instanceof Refusal ? error : new Refusal(statusCode, error.code ?? 'HTTP-500', 'Request failed', error.message)
    return await reply.code(statusCode).headers(refusal.headers).send(refusal.toBody())
  })
  await app.register(login, options)
  await app.register(publicFiles, options)
  await app.register(frames, options)
  await app.register(api, options)
  await app.register(controlRoutes, options)
  await app.ready()
  return app
}
