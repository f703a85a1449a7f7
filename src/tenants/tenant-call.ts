import type { FastifyRequest } from 'fastify'
import type { Signals, TenantAsking } from '../signals.js'

/**
 * Signals that a call of the tenant begins. The returned function must be called once, with the status of the answer or
 * 0 if there was none. It signals the result and the duration, and adds the duration to that of the request.
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

/** Makes a call of the tenant and signals its beginning and end. */
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
