import type { FastifyRequest } from 'fastify'
import { Refusal } from '../front/errors.js'
import { administrator } from '../oauth/administrators.js'

/** Refuses everybody but administrators with 403. */
export async function refuseAllButAdministrators (request: FastifyRequest): Promise<void> {
  if (request.caller.id !== administrator.id) throw new Refusal(403, 'AUTHZ-1', 'Forbidden', 'This takes the role TenantAdmin.')
}
