import type { FastifyRequest } from 'fastify'
import type { Signals, TenantAsking } from '../signals.js'

/** Waits for the tenant's answer to a call, and signals that it is asked, how long it took and what became of it; a request remembers how long it waited. */
export async function tenantCall<Answer> (signals: Signals, asking: TenantAsking, ask: () => Promise<Answer>, statusOf: (answer: Answer) => number, request?: FastifyRequest): Promise<Answer> {
  signals.emit('tenantAsked', asking)
  const startedAt = performance.now()
  let status = 0
  try {
    const answer = await ask()
    status = statusOf(answer)
    return answer
  } finally {
    const milliseconds = performance.now() - startedAt
    if (request !== undefined) request.tenantMilliseconds = (request.tenantMilliseconds ?? 0) + milliseconds
    signals.emit('tenantAnswered', asking, status, milliseconds)
  }
}
