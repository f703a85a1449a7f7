import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { GatewayError } from '../errors.js'
import type { Tenant } from '../tenants/tenant.js'
import { kindOf } from './access.js'
import type { Policy } from './policy.js'
import type { SignInRule } from './sign-in-rule.js'

export interface PolicyOptions {
  policyOf: (tenant: Tenant) => Policy
  /** Who may have a session; undefined for everybody. */
  signInRuleOf: (tenant: Tenant) => SignInRule | undefined
}

/** Refuses HTTP requests and upgrades that the policy of their tenant does not allow, with the errors GW-POLICY-…. */
export const policyPlugin = fp<PolicyOptions>(async (app, { policyOf, signInRuleOf }) => {
  function judge (request: FastifyRequest): Promise<void> | undefined {
    const { method, target: { path }, tenant, log } = request
    const refusal = policyOf(tenant).judge({ kind: kindOf(path), method, path })
    if (refusal === undefined) return signInRuleOf(tenant)?.require(request)
    const session = request.qlikSession.peek()
    tenant.signals.emit('denied', { rule: refusal.rule, log, sessionId: session?.id, subject: session?.subject, method, path })
    throw new GatewayError(refusal.code)
  }

  app.addHook('onRequest', (request, _reply, done) => {
    try {
      const judging = judge(request)
      if (judging === undefined) done()
      else judging.then(() => { done() }, done)
    } catch (error) {
      done(error as GatewayError)
    }
  })
}, { name: 'policy', fastify: '5.x', dependencies: ['admission', 'session', 'access-token'] })
