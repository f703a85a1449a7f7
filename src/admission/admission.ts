import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { GatewayError } from '../errors.js'
import { onRequestHook, onSendHook } from '../hooks.js'
import { addCorsHeaders, answerPreflight, type CorsRules } from './cors.js'
import { isCsrfToken } from '../session/csrf.js'
import { isSafeMethod, judgeOrigin } from './origin.js'
import { readTarget, type Target } from './target.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** The path and query, judged before anything else. */
    target: Target
  }
}

export interface AdmissionOptions extends CorsRules {
  basePath: string
  /** How many headers a request may have. */
  maxHeaders: number
}

/** Judges every request's target first and answers the preflights of embedding pages. */
export const admissionPlugin = fp<AdmissionOptions>(async (app, { basePath, maxHeaders, ...rules }) => {
  app.decorateRequest('target')
  app.addHook('onRequest', onRequestHook((request, reply) => {
    if (request.raw.rawHeaders.length > 2 * maxHeaders) throw new GatewayError('GW-TOO-MANY-HEADERS')
    request.target = readTarget(request.raw.url as string, basePath)
    // The router decodes before it matches: an encoded spelling of a route would be forwarded as it is, and judged as another.
    const route = request.routeOptions.url?.replace('*', '') ?? ''
    if (!`${basePath}${request.target.path}`.startsWith(route)) throw new GatewayError('GW-NOT-FOUND')
    return answerPreflight(request, reply, rules)
  }))
  app.addHook('onSend', onSendHook((request, reply) => { addCorsHeaders(request, reply, rules) }))
}, { name: 'admission', fastify: '5.x' })

export interface ProofOptions {
  publicOrigin: string
  embedOrigins: ReadonlySet<string>
  csrfKeys: readonly Buffer[]
  /** The id of the session that the request would act under, if it has one. */
  sessionIdOf: (request: FastifyRequest) => string | undefined
}

/**
 * Refuses what changes something (with `always`, whatever the method) unless a page of ours sent it: GW-FOREIGN-ORIGIN, GW-NO-SESSION or
 * GW-CSRF-TOKEN. SameSite cookies alone do not stop pages of sibling hosts, nor WebSockets of cross-site ones.
 */
export function createProof ({ publicOrigin, embedOrigins, csrfKeys, sessionIdOf }: ProofOptions) {
  return (request: FastifyRequest, { always = false, token = request.headers['qlik-csrf-token'] }: { always?: boolean, token?: unknown } = {}): void => {
    if (!always && isSafeMethod(request.method)) return
    const proof = judgeOrigin(request.headers, publicOrigin, embedOrigins)
    if (proof === 'foreign') throw new GatewayError('GW-FOREIGN-ORIGIN')
    const sessionId = sessionIdOf(request)
    if (sessionId === undefined) throw new GatewayError('GW-NO-SESSION')
    if (token === undefined || token === '') {
      if (proof === 'ours') return
      throw new GatewayError(proof === 'embedder' ? 'GW-CSRF-TOKEN' : 'GW-FOREIGN-ORIGIN')
    }
    if (typeof token !== 'string' || !isCsrfToken(token, sessionId, csrfKeys)) throw new GatewayError('GW-CSRF-TOKEN')
  }
}

export type Proof = ReturnType<typeof createProof>
