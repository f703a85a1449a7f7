import { createHash, createHmac } from 'node:crypto'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { choosePort } from '../sandbox/demo/ports.js'
import { cookieLine, type Running, type Stage } from './contestants.js'
import { accepting, spawnPinned } from './processes.js'
import { accessToken } from './upstream.js'

const client = { id: 'bench', secret: 'a-secret-of-the-bench-and-of-nothing-else' }
const issuer = 'https://issuer.bench'
const modules = '/usr/lib/apache2/modules'

/** Apache with mod_auth_openidc, its sessions in the client's cookie as ours are: one process with threads, no log. */
export async function startApache ({ upstream, folder }: Stage): Promise<Running | string> {
  if (!existsSync('/usr/sbin/apache2')) return 'Apache is missing (Debian package apache2)'
  if (!existsSync(`${modules}/mod_auth_openidc.so`)) return 'mod_auth_openidc is missing (Debian package libapache2-mod-auth-openidc)'
  const port = await choosePort(0)
  const origin = `http://localhost:${port}`
  const upstreamOrigin = `http://127.0.0.1:${upstream.port}`
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
${['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'headers', 'proxy', 'proxy_http', 'auth_openidc'].map(name => `LoadModule ${name}_module ${modules}/mod_${name}.so`).join('\n')}
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
OIDCProviderIssuer ${issuer}
OIDCProviderAuthorizationEndpoint ${issuer}/authorize
OIDCResponseType "id_token token"
OIDCResponseMode form_post
OIDCClientID ${client.id}
OIDCClientSecret ${client.secret}
OIDCIDTokenSignedResponseAlg HS256
OIDCRedirectURI ${origin}/api/callback
OIDCCryptoPassphrase a-passphrase-of-the-bench
OIDCSessionType client-cookie
OIDCSessionInactivityTimeout 3600
OIDCPassClaimsAs environment
OIDCUnAuthAction auth true
OIDCSessionCookieChunkSize 8000
OIDCStateMaxNumberOfCookies 10 true
<Location /api>
  AuthType openid-connect
  Require valid-user
  ProxyPass ${upstreamOrigin}/api max=300 disablereuse=off
  RequestHeader set Authorization "Bearer %{OIDC_access_token}e"
  RequestHeader unset Cookie
</Location>
`)
  const child = spawnPinned('/usr/sbin/apache2', ['-DFOREGROUND', '-d', folder, '-f', file])
  await accepting(child, port)
  return { port, child, sessions: [await login(origin)] }
}

/** The implicit flow with form_post, for which no provider is needed: it asks nothing, and the gateway's client is its only one. */
async function login (origin: string): Promise<string> {
  const begin = await fetch(`${origin}/api/1k`, { redirect: 'manual' })
  const query = new URL(begin.headers.get('location') ?? origin).searchParams
  const end = await fetch(`${origin}/api/callback`, {
    method: 'POST',
    redirect: 'manual',
    headers: { cookie: cookieLine(begin.headers.getSetCookie()).replace(/^Cookie: /, '').trim() },
    body: new URLSearchParams({ state: query.get('state') ?? '', access_token: accessToken, token_type: 'Bearer', expires_in: '3600', id_token: idToken(query.get('nonce') ?? '') })
  })
  const cookies = end.headers.getSetCookie().filter(line => line.startsWith('mod_auth_openidc_session'))
  if (cookies.length === 0) throw new Error(`The login at Apache ended with ${end.status}: ${await end.text()}`)
  return cookieLine(cookies)
}

/** An ID token signed with the client's secret, with as many claims as make the cookie as large as the others'. */
function idToken (nonce: string): string {
  const now = Math.floor(Date.now() / 1000)
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const accessTokenHash = createHash('sha256').update(accessToken).digest().subarray(0, 16).toString('base64url')
  const text = `${encode({ alg: 'HS256' })}.${encode({ iss: issuer, sub: 'user', aud: client.id, nonce, at_hash: accessTokenHash, iat: now, exp: now + 3_600 })}`
  return `${text}.${createHmac('sha256', client.secret).update(text).digest('base64url')}`
}
