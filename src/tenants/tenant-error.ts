import { GatewayError } from '../errors.js'

/** What a client is told of a call that ended without an answer of the tenant, or in the middle of one. */
export function toTenantError (error: Error & { code?: string }): GatewayError {
  if (error instanceof GatewayError) return error
  return new GatewayError(error.code === 'UND_ERR_HEADERS_TIMEOUT' ? 'GW-TENANT-TIMEOUT' : 'GW-TENANT-UNREACHABLE', { cause: error })
}
