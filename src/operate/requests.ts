import fp from 'fastify-plugin'
import type { Signals } from '../signals.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** The pattern of its route below the base path, without a wildcard: `/api`, `/login/callback`; `none` without a route. */
    readonly routeFamily: string
    /** How long the tenant was waited for, in ms; undefined while it was not asked. */
    tenantMilliseconds: number | undefined
  }
}

export interface RequestSignalOptions {
  basePath: string
  signals: Signals
}

/** Signals the beginning and the end of every request: the hook onResponse alone would miss those whose client leaves before its answer is complete. */
export const requestSignals = fp<RequestSignalOptions>(async (app, { basePath, signals }) => {
  // Of each route, so that nothing is cut and joined per request.
  const families = new Map<string | undefined, string>([[undefined, 'none']])

  app.decorateRequest('tenantMilliseconds', undefined)
  app.decorateRequest('routeFamily', { getter () { return families.get(this.routeOptions.url) as string } })
  app.addHook('onRoute', ({ url }) => { families.set(url, url.slice(basePath.length).replace(/\/\*?$/, '') || '/') })
  app.addHook('onRequest', (request, reply, done) => {
    reply.raw.on('close', () => { signals.emit('answered', request, reply, !reply.raw.writableFinished) })
    signals.emit('received', request)
    done()
  })
}, { name: 'request-signals', fastify: '5.x' })
