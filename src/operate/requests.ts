import fp from 'fastify-plugin'
import type { ErrorCode } from '../errors.js'
import type { Signals } from '../signals.js'
import type { TenantFailure } from '../tenants/tenant-error.js'

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * The pattern of the request's route below the base path, without a wildcard: `/api`, `/login/callback`, or `none`
     * without a route.
     */
    readonly routeFamily: string
    /** How long the request waited for the tenant, in ms. Undefined if the tenant was not asked. */
    tenantMilliseconds: number | undefined
    /** The error with which the request was answered, and the stage at which a connection to the tenant failed. */
    refusal: { code: ErrorCode, upstream: TenantFailure | undefined } | undefined
  }
}

export interface RequestSignalOptions {
  signals: Signals
}

/**
 * Signals the beginning and the end of every request. The hook onResponse alone would miss clients that leave before
 * their answer is complete.
 */
export const requestSignals = fp<RequestSignalOptions>(async (app, { signals }) => {
  // Computed once per route instead of once per request.
  const families = new Map<string | undefined, string>([[undefined, 'none']])

  app.decorateRequest('tenantMilliseconds', undefined)
  app.decorateRequest('refusal', undefined)
  app.decorateRequest('routeFamily', { getter () { return families.get(this.routeOptions.url) as string } })
  app.addHook('onRoute', ({ url }) => { families.set(url, url.slice(app.prefix.length).replace(/\/\*?$/, '') || '/') })
  app.addHook('onRequest', (request, reply, done) => {
    // A streamed answer to a pipelined request has about ten listeners, and Node warns of a leak from the eleventh on.
    reply.raw.setMaxListeners(20).once('close', () => { signals.emit('answered', request, reply, !reply.raw.writableFinished) })
    signals.emit('received', request, reply)
    done()
  })
}, { name: 'request-signals', fastify: '5.x' })
