import type { FastifyRequest } from 'fastify'
import type { Signals, TenantAsking } from '../signals.js'

/**
 * Signals that the tenant is asked. The answer is to be called once, with the tenant's status or 0 without one: it
 * signals what became of the call and how long it took; a request remembers how long it waited.
 */
export function beginTenantCall (signals: Signals, asking: TenantAsking, request?: FastifyRequest): (status: number) => void {
  signals.emit('tenantAsked', asking)
  const startedAt = performance.now()
  return status => {
    const milliseconds = performance.now() - startedAt
    if (request !== undefined) request.tenantMilliseconds = (request.tenantMilliseconds ?? 0) + milliseconds
    signals.emit('tenantAnswered', asking, status, milliseconds)
  }
}

/** Waits for the tenant's answer to a call, and signals it likewise. */
export async function tenantCall<Answer> (
  signals: Signals, asking: TenantAsking, ask: () => Promise<Answer>, statusOf: (answer: Answer) => number
): Promise<Answer> {
  const end = beginTenantCall(signals, asking)
  let status = 0
  try {
    const answer = await ask()
    status = statusOf(answer)
    return answer
  } finally {
    end(status)
  }
}
