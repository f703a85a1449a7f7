// npm run example -- same-origin | same-site | cross-site: one of the ways to embed, before the sandbox tenant.
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SALES_APP_ID } from '../build/sandbox/data/apps.js'
import { startGatewayProcess } from '../build/sandbox/demo/gateway-process.js'
import { choosePort } from '../build/sandbox/demo/ports.js'
import { identities } from '../build/sandbox/identities.js'
import { startTenant } from '../build/sandbox/tenant.js'
import { startSite, startTls } from './site.js'

// Names below .localhost lead to this machine without any set-up. Two of them share a site when they end in the same two labels.
const ways = {
  'same-origin': { siteHost: 'www.company.localhost', settings: {} },
  'same-site': { siteHost: 'www.company.localhost', gatewayHost: 'qlik.company.localhost', settings: {} },
  'cross-site': { siteHost: 'www.customer.localhost', gatewayHost: 'qlik.vendor.localhost', settings: { COOKIE_MODE: 'cross-site' } }
}
const name = process.argv[2]
const way = ways[name]
if (way === undefined) {
  process.stderr.write(`Say which example to start: npm run example -- ${Object.keys(ways).join(' | ')}\n`)
  process.exit(2)
}

// From the start on: a process that a signal ends would leave its gateway behind.
process.once('SIGINT', () => process.exit())
process.once('SIGTERM', () => process.exit())

const [sitePort, frontPort, gatewayPort] = [await choosePort(8443), await choosePort(3443), await choosePort(3000)]
const site = `https://${way.siteHost}:${sitePort}`
const gateway = way.gatewayHost === undefined ? site : `https://${way.gatewayHost}:${frontPort}`
const tls = createCertificate([way.siteHost, way.gatewayHost ?? way.siteHost])
const tenant = await startTenant({ redirectUris: [`${gateway}/login/callback`] })
await tenant.warmUp()
await startGatewayProcess(join(import.meta.dirname, '..'), {
  QLIK_TENANT_URL: tenant.origin,
  QLIK_CLIENT_ID: tenant.client.id,
  QLIK_CLIENT_SECRET: tenant.client.secret,
  PUBLIC_URL: gateway,
  PORT: String(gatewayPort),
  SESSION_KEYS: randomBytes(32).toString('base64'),
  LOG_LEVEL: 'warn',
  ...(gateway === site ? {} : { EMBED_ORIGINS: site }),
  ...way.settings
})
if (gateway !== site) await startTls({ tls, target: () => gatewayPort, port: frontPort })
await startSite({
  page: new URL(`${name}/index.html`, import.meta.url),
  values: () => ({ gateway, app: SALES_APP_ID, here: encodeURIComponent(`${site}/`) }),
  tls,
  port: sitePort,
  ...(gateway === site ? { gateway: { path: '', port: () => gatewayPort } } : {})
})

const users = identities.map(({ email, password }) => `  ${email}  ${password}`).join('\n')
process.stdout.write(`
The page:     ${site}
The gateway:  ${gateway}

The certificate is made for this start: ${gateway === site ? 'accept it in the browser' : 'open both addresses once and accept it'}.
Users:
${users}

Ctrl-C stops everything.
`)

function createCertificate (hosts) {
  const folder = mkdtempSync(join(tmpdir(), 'qlik-example-'))
  const [key, cert] = ['key.pem', 'cert.pem'].map(file => join(folder, file))
  try {
    execFileSync('openssl', [
      'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', `/CN=${hosts[0]}`,
      '-addext', `subjectAltName=${hosts.map(host => `DNS:${host}`).join(',')}`, '-keyout', key, '-out', cert
    ], { stdio: 'ignore' })
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
