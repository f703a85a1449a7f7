import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { choosePort } from '../sandbox/demo/ports.js'
import type { Running, Stage } from './contestant.js'
import { accepting, spawnPinned } from './processes.js'
import { client, issuer, signIn } from './provider.js'

const modules = '/usr/lib/apache2/modules'
const loaded = [
  'mpm_event', 'authn_core', 'authz_core', 'authz_user', 'headers', 'proxy', 'proxy_http', 'socache_shmcb', 'ssl',
  'auth_openidc'
]

/** Apache with mod_auth_openidc, its sessions in the client's cookie as ours are: one process with threads, no log. */
export async function startApache ({ tenant, oauth, caFile, folder }: Stage): Promise<Running | string> {
  if (!existsSync('/usr/sbin/apache2')) return 'Apache is missing (Debian package apache2)'
  if (!existsSync(`${modules}/mod_auth_openidc.so`)) return 'mod_auth_openidc is missing (Debian package libapache2-mod-auth-openidc)'
  const port = await choosePort(0)
  const origin = `http://localhost:${port}`
  const file = join(folder, 'apache.conf')
  await writeFile(file, `
ServerRoot ${folder}
ServerName 127.0.0.1
PidFile ${folder}/apache.pid
DefaultRuntimeDir ${folder}
ErrorLog ${folder}/apache.log
Listen 127.0.0.1:${port}
User www-data
Group www-data
${loaded.map(name => `LoadModule ${name}_module ${modules}/mod_${name}.so`).join('\n')}
StartServers 1
ServerLimit 1
ThreadLimit 300
ThreadsPerChild 300
MaxRequestWorkers 300
MinSpareThreads 1
MaxSpareThreads 300
KeepAlive On
MaxKeepAliveRequests 0
LimitRequestFieldSize 16380
SSLProxyEngine On
SSLProxyVerify require
SSLProxyCACertificateFile ${caFile}
OIDCProviderIssuer ${issuer}
OIDCProviderAuthorizationEndpoint ${issuer}/authorize
OIDCProviderTokenEndpoint ${oauth}/oidc/token
OIDCProviderJwksUri ${oauth}/oidc/jwks
OIDCCABundlePath ${caFile}
OIDCProviderTokenEndpointAuth client_secret_post
OIDCClientID ${client.id}
OIDCClientSecret ${client.secret}
OIDCRedirectURI ${origin}/api/callback
OIDCCryptoPassphrase a-passphrase-of-the-bench
OIDCSessionType client-cookie
OIDCSessionInactivityTimeout 3600
OIDCPassClaimsAs environment
OIDCUnAuthAction auth true
OIDCSessionCookieChunkSize 8000
<Location /api>
  AuthType openid-connect
  Require valid-user
  ProxyPass ${tenant.origin}/api max=300 disablereuse=off
  RequestHeader set Authorization "Bearer %{OIDC_access_token}e"
  RequestHeader unset Cookie
</Location>
`)
  const child = spawnPinned('/usr/sbin/apache2', ['-DFOREGROUND', '-d', folder, '-f', file])
  await accepting(child, port)
  return { port, child, sessions: [await signIn(`${origin}/api/1k`)] }
}
