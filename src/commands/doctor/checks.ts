import { examineCertificate } from './certificate.js'
import { examineCookies } from './cookies.js'
import type { Finding } from './finding.js'
import { examineIdentityKeys, examineImpersonation, examineUsers } from './impersonation.js'
import { examineRedirectUri, examineScopes, examineSecret } from './oauth-client.js'
import type { DoctorContext } from './context.js'
import { examinePolicy } from './policy.js'
import { examinePublicHeaders, examinePublicLogin, examinePublicStream, examinePublicUpgrade, examinePublicUrl } from './public-url.js'
import { examineRedis } from './redis.js'
import { examineKeys } from './session-keys.js'
import { examineClock, examineConnection, examineHostname, examineName, examineSockets } from './tenant.js'

/** One check: its name in the report, the check that must have succeeded before, and whether it uses the network. */
export interface Check {
  name: string
  after?: string
  network?: boolean
  /** Set if it concerns the process, so that it runs once for all tenants. */
  ofProcess?: boolean
  examine (context: DoctorContext): Promise<Finding | Finding[]>
}

/** All checks that need valid settings, in the order of the report. */
export const checks: readonly Check[] = [
  { name: 'session-keys', examine: examineKeys },
  { name: 'certificate', ofProcess: true, examine: examineCertificate },
  { name: 'cookies', examine: examineCookies },
  { name: 'policy', examine: examinePolicy },
  { name: 'tenant-name', network: true, examine: examineName },
  { name: 'tenant-connection', network: true, after: 'tenant-name', examine: examineConnection },
  { name: 'tenant-clock', network: true, after: 'tenant-connection', examine: examineClock },
  { name: 'tenant-hostname', network: true, after: 'tenant-connection', examine: examineHostname },
  { name: 'tenant-sockets', network: true, after: 'tenant-connection', examine: examineSockets },
  { name: 'redirect-uri', network: true, after: 'tenant-connection', examine: examineRedirectUri },
  { name: 'scopes', network: true, after: 'redirect-uri', examine: examineScopes },
  { name: 'client-secret', network: true, after: 'tenant-connection', examine: examineSecret },
  { name: 'identity-keys', network: true, examine: examineIdentityKeys },
  { name: 'impersonation', network: true, after: 'tenant-connection', examine: examineImpersonation },
  { name: 'users', network: true, after: 'tenant-connection', examine: examineUsers },
  { name: 'public-url', network: true, examine: examinePublicUrl },
  { name: 'public-login', network: true, after: 'public-url', examine: examinePublicLogin },
  { name: 'public-headers', network: true, after: 'public-url', examine: examinePublicHeaders },
  { name: 'public-upgrade', network: true, after: 'public-url', examine: examinePublicUpgrade },
  { name: 'public-stream', network: true, after: 'public-url', examine: examinePublicStream },
  { name: 'redis', network: true, ofProcess: true, examine: examineRedis }
]
