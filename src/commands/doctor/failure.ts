import { problem, type Finding } from './finding.js'

const clockOrCertificate = 'check the clock of this machine first, then the certificate of the host'
const privateAuthority = 'if a proxy of your network or a private authority signs it, name its certificate in NODE_EXTRA_CA_CERTS, ' +
  'for the gateway too; the gateway never turns verification off'

// By the error codes of Node (DNS, TCP, OpenSSL) and undici.
const failures: Record<string, [meaning: string, remedy: string]> = {
  ENOTFOUND: ['has no address: its name is not known here', 'check the spelling, and the DNS of this machine or container'],
  EAI_AGAIN: ['has no address: the DNS of this machine does not answer', 'check the network and the resolver of this machine or container'],
  ECONNREFUSED: ['refuses the connection', 'check that the server runs and listens on this port, and that no firewall rejects it'],
  ECONNRESET: ['broke the connection off', 'check proxies and firewalls on the way, and whether this port speaks what its scheme says'],
  EHOSTUNREACH: ['cannot be reached from this network', 'check routes and firewalls'],
  ENETUNREACH: ['cannot be reached from this network', 'check routes and firewalls'],
  UND_ERR_SOCKET: ['broke the connection off', 'check proxies and firewalls on the way, and whether this port speaks what its scheme says'],
  UND_ERR_CONNECT_TIMEOUT: [
    'does not answer to a connection', 'check routes and firewalls: outgoing HTTPS must be allowed without a proxy'
  ],
  TimeoutError: ['did not answer in time', 'try again; if it lasts, check routes and firewalls'],
  CERT_HAS_EXPIRED: ['shows a certificate that has expired', clockOrCertificate],
  CERT_NOT_YET_VALID: ['shows a certificate that is not valid yet', clockOrCertificate],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['shows a certificate that signed itself', privateAuthority],
  SELF_SIGNED_CERT_IN_CHAIN: ['shows a certificate of an authority that is not known here', privateAuthority],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: [
    'shows a certificate without the ones that lead to a known authority', `let the server send its whole chain; ${privateAuthority}`
  ],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['shows a certificate of an authority that is not known here', privateAuthority],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'shows a certificate for another name', 'use the name that the certificate holds, or have it issued for this one'
  ],
  ERR_SSL_WRONG_VERSION_NUMBER: ['does not speak TLS on this port', 'check scheme and port']
}

/** Explains why a connection failed. */
export function describeFailure (host: string, error: unknown): Finding {
  const code = codeOf(error)
  const [meaning, remedy] = failures[code] ?? ['cannot be reached', 'check the address, the network and the certificate']
  return problem(`${host} ${meaning} (${code}).`, `${remedy[0]?.toUpperCase()}${remedy.slice(1)}.`)
}

/** The most specific code of an error: that of its cause, if there is one. */
export function codeOf (error: unknown): string {
  const { cause, code, name } = error as NodeJS.ErrnoException
  return cause instanceof Error ? codeOf(cause) : code ?? name
}
