import type { FastifyRequest } from 'fastify'
import { GatewayError } from '../errors.js'
import { isCsrfToken } from '../session/csrf.js'
import { isSafeMethod, judgeOrigin } from './origin.js'

/** When a request needs a trusted origin, and its CSRF token. */
export interface TrustedOriginOptions {
  /** Whatever the method. Without this, only methods that change something need one. */
  always?: boolean
  /** The CSRF token; that of the header `qlik-csrf-token` unless given. */
  token?: unknown
}

/** Refuses a request that no page of ours sent: GW-FOREIGN-ORIGIN, GW-NO-SESSION or GW-CSRF-TOKEN. */
export type RequireTrustedOrigin = (request: FastifyRequest, options?: TrustedOriginOptions) => void

/** SameSite cookies alone stop neither pages of sibling hosts nor WebSockets of cross-site pages. */
export const requireTrustedOrigin: RequireTrustedOrigin = (request, options = {}) => {
  const { always = false, token = request.headers['qlik-csrf-token'] } = options
  if (!always && isSafeMethod(request.method)) return
  const { publicOrigin, embedOrigins, sessions } = request.tenant
  const verdict = judgeOrigin(request.headers, publicOrigin, embedOrigins)
  if (verdict === 'foreign') throw new GatewayError('GW-FOREIGN-ORIGIN')
  const sessionId = request.qlikSession.peek()?.id
  if (sessionId === undefined) throw new GatewayError('GW-NO-SESSION')
  if (token === undefined || token === '') {
    if (verdict === 'ours' || request.qlikSession.provesOrigin) return
    throw new GatewayError(verdict === 'embedder' ? 'GW-CSRF-TOKEN' : 'GW-FOREIGN-ORIGIN')
  }
  if (typeof token !== 'string' || !isCsrfToken(token, sessionId, sessions.csrfKeys())) throw new GatewayError('GW-CSRF-TOKEN')
}
