// npm run example -- same-origin | same-site | cross-site | own-users | several-tenants | …: one of the ways to embed,
// before the sandbox tenant. PORTS=8443,3443,3000 are those of the page, of the gateway's host and of the gateway;
// others take the place of those that are not free.
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SALES_APP_ID } from '../build/sandbox/data/apps.js'
import { startGatewayProcess } from '../build/sandbox/demo/gateway-process.js'
import { choosePort } from '../build/sandbox/demo/ports.js'
import { identities } from '../build/sandbox/identities.js'
import { impersonationGrant } from '../build/sandbox/oauth/clients.js'
import { startTenant } from '../build/sandbox/tenant.js'
import { issuer, people, publicPem, state, userOf } from './own-users/portal.js'
import { createRoutes } from './own-users/routes.js'
import { hosts, startCustomers } from './several-tenants/tenants.js'
import { startSite, startTls } from './site.js'

// Names below .localhost lead to this machine without any set-up. Two of them share a site when they end in the same two labels.
const ways = {
  'same-origin': { siteHost: 'www.company.localhost', settings: {} },
  'same-site': { siteHost: 'www.company.localhost', gatewayHost: 'qlik.company.localhost', settings: {} },
  'cross-site': { siteHost: 'www.customer.localhost', gatewayHost: 'qlik.vendor.localhost', settings: { COOKIE_MODE: 'cross-site' } },
  'own-users': {
    siteHost: 'www.customer.localhost',
    gatewayHost: 'qlik.vendor.localhost',
    settings: { COOKIE_MODE: 'cross-site' },
    ownUsers: true,
    page: 'own-users/index.html'
  },
  'own-users-ingress': {
    siteHost: 'www.company.localhost',
    settings: { IDENTITY_JWT_HEADER: 'x-identity', TRUSTED_PROXIES: '127.0.0.0/8' },
    ownUsers: true,
    page: 'own-users/same-origin.html'
  },
  'own-users-application': {
    siteHost: 'www.company.localhost',
    settings: {},
    ownUsers: true,
    inOneProcess: true,
    page: 'own-users/same-origin.html'
  },
  'several-tenants': { siteHost: 'portal.vendor.localhost', gatewayHost: hosts[0], moreHosts: hosts.slice(1) }
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

const ports = []
for (const wanted of (process.env.PORTS ?? '8443,3443,3000').split(',')) ports.push(await choosePort(Number(wanted)))
const [sitePort, frontPort, gatewayPort] = ports
const site = `https://${way.siteHost}:${sitePort}`
const gateway = way.gatewayHost === undefined ? site : `https://${way.gatewayHost}:${frontPort}`
const tls = createCertificate([way.siteHost, way.gatewayHost ?? way.siteHost, ...way.moreHosts ?? []])
const grantTypes = way.ownUsers ? { grantTypes: [impersonationGrant] } : {}
const tenant = way.moreHosts === undefined
  ? await startTenant({ redirectUris: [`${gateway}/login/callback`], ...grantTypes })
  : undefined
await tenant?.warmUp()
const sessionKeys = randomBytes(32).toString('base64')
const page = new URL(way.page ?? `${name}/index.html`, import.meta.url)
const values = ({ headers }) => ({
  gateway,
  app: SALES_APP_ID,
  here: encodeURIComponent(`${site}/`),
  user: userOf(headers.cookie)?.fullName ?? ''
})

const projectFolder = join(import.meta.dirname, '..')
let settingsFile = ''

if (way.moreHosts !== undefined) {
  const customers = await startCustomers({ port: gatewayPort, frontPort, portal: site, sessionKeys })
  settingsFile = `\nThe file of settings, but for its secrets:\n\n${customers.file.replace(/(sessionKeys|clientSecret): .*/g, '$1: …')}`
  await startGatewayProcess(projectFolder, { CONFIG_FILE: writeForThisStart('gateway.yaml', customers.file), PORT: String(gatewayPort) })
  await startTls({ tls, target: () => gatewayPort, port: frontPort })
  await startSite({ page, values: () => customers.values, tls, port: sitePort })
} else if (way.inOneProcess) {
  const { client, administrators } = tenant
  // With the gateway, which the other examples start as a process.
  const { startApplication } = await import('./own-users/application.js')
  await startApplication({
    tls,
    port: sitePort,
    page,
    values,
    options: {
      tenantUrl: tenant.origin,
      clientId: client.id,
      clientSecret: client.secret,
      publicUrl: gateway,
      sessionKeys,
      provisionUsers: true,
      adminClientId: administrators.client.id,
      adminClientSecret: administrators.client.secret
    }
  })
} else {
  await startGatewayProcess(projectFolder, {
    QLIK_TENANT_URL: tenant.origin,
    QLIK_CLIENT_ID: tenant.client.id,
    QLIK_CLIENT_SECRET: tenant.client.secret,
    PUBLIC_URL: gateway,
    PORT: String(gatewayPort),
    SESSION_KEYS: sessionKeys,
    LOG_LEVEL: 'warn',
    ...(gateway === site ? {} : { EMBED_ORIGINS: site }),
    ...(way.ownUsers ? ownUserSettings() : {}),
    ...way.settings
  })
  if (gateway !== site) await startTls({ tls, target: () => gatewayPort, port: frontPort })
  await startSite({
    page,
    values,
    tls,
    port: sitePort,
    ...(way.ownUsers ? { routes: createRoutes(gateway) } : {}),
    ...(gateway === site ? { gateway: { path: '', port: () => gatewayPort, add: way.ownUsers ? identityOf : undefined } } : {})
  })
}

const users = (way.ownUsers ? people : identities)
  .map(({ name, email, password }) => `  ${name && way.ownUsers ? name : email}  ${password}`)
  .join('\n')
process.stdout.write(`
The page:     ${site}
The gateway:  ${[gateway, ...(way.moreHosts ?? []).map(host => `https://${host}:${frontPort}`)].join('\n              ')}

The certificate is made for this start: ${gateway === site ? 'accept it in the browser' : 'open these addresses once and accept it'}.
Users:
${users}
${settingsFile}
Ctrl-C stops everything.
`)

/** Who may say who the user is, and create users at the tenant. */
function ownUserSettings () {
  const file = writeForThisStart('keys.pem', publicPem)
  const { id, secret } = tenant.administrators.client
  return {
    CREDENTIALS: 'impersonation',
    IDENTITY_JWT_ISSUER: issuer,
    IDENTITY_KEYS_FILE: file,
    SIGN_IN_URL: `${site}/sign-in`,
    PROVISION_USERS: 'true',
    QLIK_ADMIN_CLIENT_ID: id,
    QLIK_ADMIN_CLIENT_SECRET: secret
  }
}

/** Writes a file that goes when this process ends. */
function writeForThisStart (name, content) {
  const folder = mkdtempSync(join(tmpdir(), 'qlik-example-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, name)
  writeFileSync(file, content)
  return file
}

/** What an ingress adds: the user of its session, signed. */
async function identityOf ({ headers }) {
  const user = userOf(headers.cookie)
  return { 'x-identity': user === undefined ? undefined : await state(user, gateway) }
}

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
