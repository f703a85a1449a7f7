import { lookup } from 'node:dns/promises'
import { proxyFor } from '../../tenants/outbound-proxy.js'
import { abortAfter } from '../../time-limit.js'
import { readError, readFields, type Answer } from './ask.js'
import { describeFailure } from './failure.js'
import { ok, problem, skipped, warning, type Finding } from './finding.js'
import { parseUrl } from '../../url.js'
import { type DoctorContext } from './context.js'

/** Checks that the tenant's host name can be resolved here. */
export async function examineName ({ gateway }: DoctorContext): Promise<Finding> {
  const { tenantUrl } = gateway
  const proxy = proxyFor(tenantUrl, gateway)
  if (proxy !== undefined) return ok(`${tenantUrl.hostname} is reached through the proxy ${proxy.host}, which looks it up.`)
  try {
    await lookup(tenantUrl.hostname.replace(/^\[|\]$/g, ''))
    return ok(`${tenantUrl.hostname} has an address.`)
  } catch (error) {
    return describeFailure(tenantUrl.hostname, error)
  }
}

/** Checks that the tenant can be reached, with the certificate verification of the gateway. */
export async function examineConnection ({ gateway: { tenantUrl }, readMetadata }: DoctorContext): Promise<Finding> {
  const answer = await readMetadata()
  const noTenant = findNoTenant(tenantUrl, answer)
  if (noTenant !== undefined) return noTenant
  const { code } = readError(answer)
  if (answer.status === 403) {
    return problem(
      `${tenantUrl.host} refuses whoever asks from here (403, ${code}): an IP policy of the tenant, or a firewall before it.`,
      'Add the address by which the gateway leaves your network to the IP policy of the tenant.'
    )
  }
  return ok(tenantUrl.protocol === 'https:'
    ? `${tenantUrl.host} answers, and its certificate is valid.`
    : `${tenantUrl.host} answers, over http: there is no certificate.`)
}

/** Recognizes the answer of Qlik Cloud for a host name that belongs to no tenant. Undefined for any other answer. */
export function findNoTenant ({ host }: URL, answer: Answer): Finding | undefined {
  if (!/configured for this hostname/i.test(readError(answer).words)) return undefined
  return problem(
    `${host} is no tenant: there is none of this name (${answer.status}).`,
    'Correct QLIK_TENANT_URL; the address bar of the tenant\'s own pages shows it.'
  )
}

const mostSkewMs = 30_000
const harmfulSkewMs = 300_000

/** Compares the clocks of this machine and of the tenant. */
export async function examineClock ({ readMetadata }: DoctorContext): Promise<Finding> {
  const { headers, askedAt, answeredAt } = await readMetadata()
  const theirs = Date.parse(String(headers.get('date')))
  if (Number.isNaN(theirs)) return skipped('The tenant does not tell its time.')
  // The header has a resolution of one second and was written at some time between request and answer.
  const skewMs = Math.max(askedAt - (theirs + 1_000), theirs - answeredAt, 0)
  if (skewMs <= mostSkewMs) return ok('This machine and the tenant agree about the time.')
  const text = `The clock of this machine is ${Math.round(skewMs / 1000)} seconds ${askedAt > theirs ? 'ahead of' : 'behind'} the tenant's.`
  const remedy = 'Set it by NTP: certificates, Retry-After dates and the end of sessions are judged by it.'
  return skewMs > harmfulSkewMs ? problem(text, remedy) : warning(text, remedy)
}

/** Checks that the original host name of the tenant is configured, as far as its metadata tells. */
export async function examineHostname ({ gateway: { tenantUrl, issuer: wanted }, readMetadata }: DoctorContext): Promise<Finding> {
  const answer = await readMetadata()
  const { issuer } = readFields(answer)
  const named = typeof issuer === 'string' ? parseUrl(issuer) : undefined
  if (named === undefined) {
    return warning(
      `The tenant has no readable metadata (${answer.status}), so it cannot be told whether ${tenantUrl.host} is its original hostname.`,
      'Compare it with the hostname that the administration console shows under Settings; an alias breaks the login.'
    )
  }
  const { host, origin, href } = named
  if (host !== tenantUrl.host) {
    return problem(
      `${tenantUrl.host} is an alias: the tenant calls itself ${host}. The login would fail at the identity provider, which knows the ` +
        'original hostname only.',
      `Set QLIK_TENANT_URL=${origin}`
    )
  }
  if (issuer !== (wanted ?? tenantUrl.origin)) {
    return warning(
      `The issuer of the tenant is written otherwise than ${wanted === undefined ? 'its origin' : 'QLIK_ISSUER'}: a tenant that names ` +
        'it on the callback would be taken for a foreign one.',
      `Set QLIK_ISSUER=${href === `${origin}/` && !String(issuer).endsWith('/') ? origin : href}`
    )
  }
  return ok(`${host} is what the tenant calls itself.`)
}

/**
 * Checks that WebSockets of this machine reach the tenant: a network's proxy may let only ordinary requests through.
 */
export async function examineSockets ({ gateway: { tenantUrl }, connectWebSocket, timeoutMs }: DoctorContext): Promise<Finding> {
  const handshake = { host: tenantUrl.host, 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' }
  try {
    const { answer } = await connectWebSocket('/app/00000000-0000-0000-0000-000000000000', handshake, abortAfter(timeoutMs))
    answer.socket.destroy()
    if (answer.statusCode === 401 || answer.statusCode === 403) {
      return ok(`The engine of the tenant answers to WebSockets from here (${answer.statusCode} without a token).`)
    }
    return warning(
      `The tenant answered a WebSocket without a token with ${answer.statusCode}, where 401 was expected.`,
      'If sockets fail in browsers, look for a proxy between this machine and the tenant that does not pass upgrades.'
    )
  } catch (error) {
    return describeFailure(tenantUrl.host, error)
  }
}
