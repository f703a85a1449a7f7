import fp from 'fastify-plugin'
import { GatewayError } from '../errors.js'
import { onRequestHook } from '../hooks.js'
import type { Signals } from '../signals.js'
import type { Tenant } from '../tenants/tenant.js'
import { kindOf } from './access.js'
import type { Policy } from './policy.js'

export interface PolicyOptions {
  policyOf: (tenant: Tenant) => Policy
  signals: Signals
}

/** Refuses, of HTTP and upgrades alike, what the policy of a request's tenant does not allow: GW-POLICY-…. */
export const policyPlugin = fp<PolicyOptions>(async (app, { policyOf, signals }) => {
  app.addHook('onRequest', onRequestHook(request => {
    const { method, target: { path }, tenant, log } = request
    const refusal = policyOf(tenant).judge({ kind: kindOf(path), method, path })
    if (refusal === undefined) return false
    signals.emit('denied', { rule: refusal.rule, log, sessionId: request.qlikSession.peek()?.id, method, path })
    throw new GatewayError(refusal.code)
  }))
}, { name: 'policy', fastify: '5.x', dependencies: ['admission', 'session'] })
