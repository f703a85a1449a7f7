import { GatewayError } from '../errors.js'

/** Returns the error for a client whose call got no answer from the tenant, or only part of one. */
export function toTenantError (error: Error & { code?: string }): GatewayError {
  if (error instanceof GatewayError) return error
  return new GatewayError(error.code === 'UND_ERR_HEADERS_TIMEOUT' ? 'GW-TENANT-TIMEOUT' : 'GW-TENANT-UNREACHABLE', { cause: error })
}

/** The stage at which a connection to the tenant failed. */
export type TenantFailure = 'name' | 'connect' | 'tls' | 'reset' | 'time-out' | 'answer'

const failures: [failure: TenantFailure, codes: RegExp][] = [
  ['name', /^(ENOTFOUND|EAI_)/],
  ['connect', /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/],
  // OpenSSL's reasons for refusing a certificate, and Node's.
  ['tls', /^(ERR_TLS_|ERR_SSL_|EPROTO|CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_)/],
  ['reset', /^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/],
  ['time-out', /^(UND_ERR_(HEADERS|BODY)_TIMEOUT|GW-TENANT-TIMEOUT|TimeoutError)$/],
  // For bytes that are not HTTP, undici's error has only a name.
  ['answer', /^(HPE_|HTTPParserError$|UND_ERR_|Z_|ERR_BROTLI_|ERR__ERROR_)/]
]

/**
 * Classifies an error of Node, OpenSSL or undici, or its cause. Undefined for any other error. The result contains
 * neither addresses nor user data.
 */
export function tenantFailureOf (error: unknown): TenantFailure | undefined {
  for (let each = error; each instanceof Error; each = each.cause) {
    const { name, code } = each as { name: string, code?: unknown }
    const known = failures.find(([, words]) => words.test(typeof code === 'string' ? code : name))
    if (known !== undefined) return known[0]
  }
  return undefined
}
