import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { choosePort } from '../sandbox/demo/ports.js'
import { findBinary } from './binaries.js'
import type { Running, Stage } from './contestant.js'
import { accepting, spawnPinned } from './processes.js'
import { client, issuer, signIn } from './provider.js'

/** oauth2-proxy with its sessions in cookies, no log. Go uses as many threads as it has cores: one. */
export async function startOauth2Proxy ({ tenant, oauth, caFile, folder }: Stage): Promise<Running | string> {
  const binary = await findBinary('oauth2-proxy')
  if (binary === undefined) return 'oauth2-proxy is missing (built by Go)'
  const port = await choosePort(0)
  const file = join(folder, `oauth2-proxy-${port}.yaml`)
  // JSON is YAML. The access token as a bearer token can be had from this form of its settings only.
  await writeFile(file, JSON.stringify({
    server: { bindAddress: `127.0.0.1:${port}` },
    upstreamConfig: { upstreams: [{ id: 'tenant', path: '/', uri: tenant.origin }] },
    injectRequestHeaders: [{ name: 'Authorization', values: [{ claimSource: { claim: 'access_token', prefix: 'Bearer ' } }] }],
    providers: [{
      id: 'tenant',
      provider: 'oidc',
      clientID: client.id,
      clientSecret: client.secret,
      loginURL: `${oauth}/oauth/authorize`,
      redeemURL: `${oauth}/oidc/token`,
      oidcConfig: {
        issuerURL: issuer,
        skipDiscovery: true,
        jwksURL: `${oauth}/oidc/jwks`,
        emailClaim: 'email',
        userIDClaim: 'sub',
        audienceClaims: ['aud']
      }
    }]
  }))
  const child = spawnPinned(binary, [
    `--alpha-config=${file}`,
    `--cookie-secret=${randomBytes(32).toString('base64url')}`,
    '--cookie-secure=false',
    '--email-domain=*',
    '--standard-logging=false',
    '--auth-logging=false',
    '--request-logging=false'
  ], { SSL_CERT_FILE: caFile })
  await accepting(child, port)
  return { port, child, sessions: [await signIn(`http://localhost:${port}/oauth2/start`)] }
}
