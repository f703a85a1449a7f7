import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Controls } from './controls.js'
import type { App } from './data/app.js'
import { createEngine, type Engine } from './engine/engine.js'
import { createFront, type Front } from './front/front.js'
import { listenOnLoopback } from './front/listeners.js'
import type { Names } from './front/names.js'
import { createUpgrade } from './front/upgrade.js'
import { Administrators } from './oauth/administrators.js'
import { createAuthorizationServer } from './oauth/authorization-server.js'
import { ClientRegistry, type GrantType, type OAuthClient } from './oauth/clients.js'
import { createFederation } from './oauth/federation.js'
import { TokenLedger } from './oauth/ledger.js'
import { startOkta } from './oauth/okta.js'
import { createTokenCalls } from './oauth/token-calls.js'
import { UserDirectory } from './oauth/users.js'
import { createBearerCheck } from './rest/bearer.js'
import { createRoutes } from './rest/routes.js'
import { createRuntimeLoader } from './rest/runtime-loader.js'
import { UploadStore } from './rest/upload-store.js'
import { defaultSettings } from './settings.js'

/** Options for starting a sandbox tenant. */
export interface TenantOptions {
  /** The port, or 0 for any free one. */
  port?: number
  idpPort?: number
  /** The tenant's host name. It listens on loopback addresses in any case. */
  hostname?: string
  /** An alias under which the tenant answers but OAuth does not work. */
  aliasHostname?: string
  /** Further aliases. */
  moreHostnames?: string[]
  /** The full origin, if there is a proxy in front of the tenant. */
  publicOrigin?: string
  /** Serves https with this key and certificate (PEM). */
  tls?: { key: string, cert: string }
  clients?: OAuthClient[]
  /** Of the default client. */
  redirectUris?: string[]
  /** Of the default client. */
  consent?: 'trusted' | 'required'
  /** Of the default client. */
  grantTypes?: GrantType[]
  accessTokenSeconds?: number
  /** The apps of its engine. By default all apps of the sandbox. */
  apps?: App[]
  log?: (line: string) => void
  runtimeCacheFolder?: string
}

/** A running sandbox tenant. */
export interface Tenant {
  origin: string
  aliasOrigin: string
  idpOrigin: string
  client: { id: string, secret: string }
  /** API key and machine-to-machine client of the tenant's administrator. */
  administrators: Administrators
  /** The tenant's application at its identity provider, and a token of the provider's own API. */
  okta: { issuer: string, clientId: string, clientSecret: string, apiToken: string }
  controls: Controls
  engine: Engine
  /** Bundles the browser runtime now instead of at the first request for it. */
  warmUp (): Promise<void>
  close (): Promise<void>
}

const defaultClient = { clientId: 'sandbox-client', clientSecret: 'sandbox-secret-that-protects-nothing', name: 'Sandbox application' }

/** Starts a stand-in for a Qlik Cloud tenant and, on another port, for its identity provider, Okta. */
export async function startTenant (options: TenantOptions = {}): Promise<Tenant> {
  const client = listClients(options)[0]
  if (!client) throw new Error('A tenant needs at least one OAuth client.')
  // In the order of closing: the listeners first, so that no new requests arrive.
  const closers: (() => void | Promise<void>)[] = []
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0)) await closer()
  }
  try {
    const parts = await assembleTenant(options, client.clientId, closers)
    return { ...parts, client: { id: client.clientId, secret: client.clientSecret }, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function assembleTenant (
  options: TenantOptions,
  defaultClientId: string,
  closers: (() => void | Promise<void>)[]
): Promise<Omit<Tenant, 'client' | 'close'>> {
  const { log = () => {}, tls, accessTokenSeconds = defaultSettings.accessTokenSeconds } = options
  const door: { front?: Front } = {}
  const listeners = await listenOnLoopback({
    port: options.port ?? 0,
    tls,
    onRequest: (req, res) => { if (door.front) door.front.onRequest(req, res); else res.writeHead(503).end() },
    onUpgrade: (req, socket, head) => { if (door.front) door.front.onUpgrade(req, socket, head); else socket.destroy() }
  })
  closers.push(async () => { await listeners.close() })
  const names = createNames(options, listeners.port)
  const oktaClient = {
    clientId: 'qlik-tenant',
    clientSecret: randomBytes(24).toString('hex'),
    redirectUri: `${names.origin}/login/callback`
  }
  const okta = await startOkta({ port: options.idpPort ?? 0, client: oktaClient, log })
  closers.push(async () => { await okta.close() })
  const engine = createEngine(options.apps === undefined ? {} : { apps: options.apps })
  closers.push(() => { engine.close() })

  const clients = new ClientRegistry(listClients(options))
  const users = new UserDirectory()
  const administrators = new Administrators(clients)
  const ledger = new TokenLedger()
  const server = await createAuthorizationServer({ names, clients, users, ledger, settings: () => controls.settings, log })
  const controls = new Controls({
    initial: { ...defaultSettings, accessTokenSeconds },
    names,
    clients,
    users,
    ledger,
    administrators,
    endGrant: server.endGrant,
    closeSockets: (code, reason) => { engine.closeAll(code, reason) },
    defaultClientId
  })
  const uploadFolder = await mkdtemp(join(tmpdir(), 'qlik-sandbox-'))
  closers.push(async () => { await rm(uploadFolder, { recursive: true, force: true }) })
  const loadRuntime = createRuntimeLoader(options.runtimeCacheFolder, log)
  const findCaller = createBearerCheck({ server, ledger, users, clients, administrators })
  const federation = createFederation(okta.issuer, oktaClient)
  const tokenCalls = createTokenCalls({ names, server, clients, users, ledger, controls, administrators })
  const routes = await createRoutes({
    names,
    server,
    clients,
    users,
    federation,
    controls,
    findCaller,
    apps: engine.apps,
    store: new UploadStore(uploadFolder),
    loadRuntime,
    log
  })
  closers.push(async () => { await routes.close() })
  door.front = createFront({
    names,
    controls,
    tokenCalls,
    authorization: server.provider.callback(),
    routes: (req, res) => { routes.routing(req, res) },
    upgrade: createUpgrade({ engine, findCaller }),
    log
  })
  const { origin, aliasOrigin } = names
  return {
    origin,
    aliasOrigin,
    idpOrigin: okta.origin,
    okta: { issuer: okta.issuer, ...oktaClient, apiToken: okta.apiToken },
    administrators,
    controls,
    engine,
    warmUp: async () => { await loadRuntime() }
  }
}

function createNames (options: TenantOptions, port: number): Names {
  const { hostname = 'localhost', aliasHostname, moreHostnames = [], publicOrigin, tls } = options
  const alias = aliasHostname ?? (hostname === 'localhost' ? '127.0.0.1' : `alias.${hostname}`)
  const scheme = tls ? 'https' : 'http'
  const origin = new URL(publicOrigin ?? `${scheme}://${hostname}:${port}`)
  const aliasOrigin = new URL(`${scheme}://${alias}:${port}`)
  return {
    origin: origin.origin,
    aliasOrigin: aliasOrigin.origin,
    hostnames: [origin.hostname, aliasOrigin.hostname, ...moreHostnames],
    ...(publicOrigin === undefined ? {} : { innerHostname: hostname })
  }
}

function listClients ({
  clients,
  redirectUris = ['http://localhost:3000/login/callback'],
  consent = 'trusted',
  grantTypes
}: TenantOptions): OAuthClient[] {
  return clients ?? [{ ...defaultClient, redirectUris, consent, ...(grantTypes === undefined ? {} : { grantTypes }) }]
}
