import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { ok, problem, skipped, warning, type Finding } from './finding.js'
import type { DoctorContext } from './context.js'

const dayMs = 86_400_000
// CAs that issue certificates for 90 days recommend to renew them 30 days before they expire.
const soonDays = 14

/** Checks that the gateway's own certificate covers the public URL, and how long it is valid. */
export async function examineCertificate (
  { certificate, now, gateway: { publicUrl } }: Pick<DoctorContext, 'certificate' | 'now' | 'gateway'>
): Promise<Finding | Finding[]> {
  if (certificate === undefined) return skipped('TLS_CERT_FILE is not set: something in front of the gateway ends https.')
  const { leaf } = certificate
  const days = Math.floor((Date.parse(leaf.validTo) - now()) / dayMs)
  const findings: Finding[] = []
  if (days < 0) {
    findings.push(problem(
    `The certificate of TLS_CERT_FILE has ended (${leaf.validTo}).`, 'Renew it: the gateway takes the new files over by itself.'
    ))
  } else if (days < soonDays) {
    findings.push(warning(
      `The certificate of TLS_CERT_FILE ends in ${days} days (${leaf.validTo}).`,
      'Renew it: the gateway takes the new files over by itself.'
    ))
  }
  if (Date.parse(leaf.validFrom) > now()) {
    findings.push(problem(`The certificate of TLS_CERT_FILE begins only at ${leaf.validFrom}.`, 'Check the clock of this machine.'))
  }
  if (!names(leaf, publicUrl.hostname)) {
    findings.push(warning(
      `The certificate of TLS_CERT_FILE does not name ${publicUrl.hostname}, the host of PUBLIC_URL.`,
      'Have one issued for it, unless a proxy in front shows browsers another.'
    ))
  }
  return findings.length > 0 ? findings : ok(`The certificate of TLS_CERT_FILE names ${publicUrl.hostname}, and lasts for ${days} days.`)
}

function names (leaf: X509Certificate, hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, '')
  return (isIP(address) === 0 ? leaf.checkHost(hostname) : leaf.checkIP(address)) !== undefined
}
