import type { FastifyRequest } from 'fastify'
import { appOf } from './apps.js'
import { EngineGuard } from './engine/guard.js'
import type { Policy } from './policy.js'

/** The guard of a WebSocket that the policy has allowed; undefined if the policy does not read messages. */
export function guardEngine ({ engine }: Policy, { target: { path }, qlikSession, log, tenant }: FastifyRequest): EngineGuard | undefined {
  if (engine === undefined) return undefined
  const session = qlikSession.peek()
  return new EngineGuard({ appId: appOf(path), view: engine === 'view' }, (rule, method) => {
    tenant.signals.emit('denied', { rule, log, sessionId: session?.id, subject: session?.subject, method, path })
  })
}
