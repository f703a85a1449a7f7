import { GatewayError } from '../errors.js'

/** What a client is told of a call that ended without an answer of the tenant, or in the middle of one. */
export function toTenantError (error: Error & { code?: string }): GatewayError {
  if (error instanceof GatewayError) return error
  return new GatewayError(error.code === 'UND_ERR_HEADERS_TIMEOUT' ? 'GW-TENANT-TIMEOUT' : 'GW-TENANT-UNREACHABLE', { cause: error })
}

/** What of a connection to the tenant failed. */
export type TenantFailure = 'name' | 'connect' | 'tls' | 'reset' | 'time-out' | 'answer'

const failures: [failure: TenantFailure, codes: RegExp][] = [
  ['name', /^(ENOTFOUND|EAI_)/],
  ['connect', /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/],
  // OpenSSL's reasons for a certificate, and Node's.
  ['tls', /^(ERR_TLS_|ERR_SSL_|EPROTO|CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_)/],
  ['reset', /^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/],
  ['time-out', /^(UND_ERR_(HEADERS|BODY)_TIMEOUT|GW-TENANT-TIMEOUT|TimeoutError)$/],
  // Of what cannot be read as HTTP undici's error has a name only.
  ['answer', /^(HPE_|HTTPParserError$|UND_ERR_|Z_|ERR_BROTLI_|ERR__ERROR_)/]
]

/**
 * The word for an error that Node, OpenSSL or undici raised, or that was caused by one; undefined for any other. It
 * says nothing of addresses or users.
 */
export function tenantFailureOf (error: unknown): TenantFailure | undefined {
  for (let each = error; each instanceof Error; each = each.cause) {
    const { name, code } = each as { name: string, code?: unknown }
    const known = failures.find(([, words]) => words.test(typeof code === 'string' ? code : name))
    if (known !== undefined) return known[0]
  }
  return undefined
}
