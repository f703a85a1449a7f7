import type { AddressInfo } from 'node:net'
import type { RequestListener } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { alice, type Identity } from '../../sandbox/identities.js'
import { noteSecrets } from '../../sandbox/secrets.js'
import { startTenant, type Tenant, type TenantOptions } from '../../sandbox/tenant.js'
import { readConfig } from '../../src/settings/config.js'
import type { GatewayConfig } from '../../src/settings/gateway-schema.js'
import { createServer } from '../../src/serve.js'
import type { Signals } from '../../src/signals.js'
import { createBrowser, login, type Browser } from './browser-jar.js'
import { startPlainTenant, type PlainTenant } from './plain-tenant.js'
import { reservePort } from './ports.js'
import { patientMs } from './redis.js'
import { noteOutput, noteSecretsOf } from './run-record.js'
import { cookieOf, freshSession, sessionKey, tenantAt } from './session-cookie.js'

/** A tenant that runs already, or never will. */
export interface TenantAddress { origin: string, client?: { id: string, secret: string } }

export interface GatewayOptions {
  /** Variables of the environment, beside those that every gateway of the tests has. */
  settings?: NodeJS.ProcessEnv
  /** The gateway's clock; the tenant keeps its own. */
  clock?: { now: () => number }
  /** Options of the plugin that no variable sets. */
  options?: Partial<GatewayConfig>
  /** Gets what the gateway logs, at every level. */
  lines?: string[]
}

export interface Running {
  origin: string
  app: FastifyInstance
  signals: Signals
  /** The Cookie header of a session that began just now and that no login made. */
  cookie: string
}

export interface Stage extends Running {
  tenant: Tenant
  /** A browser that has signed in. */
  signIn: (user?: Identity) => Promise<Browser>
}

/** Nothing listens there: a gateway starts and serves while its tenant is unreachable. */
export const nowhere = tenantAt('http://127.0.0.1:1')

/** The settings that every gateway of the tests has. */
export function settingsFor (
  { origin, client = tenantAt(origin).client }: TenantAddress,
  port: number,
  more: NodeJS.ProcessEnv = {}
): NodeJS.ProcessEnv {
  return {
    QLIK_TENANT_URL: origin,
    QLIK_CLIENT_ID: client.id,
    QLIK_CLIENT_SECRET: client.secret,
    PUBLIC_URL: `http://localhost:${port}`,
    PORT: String(port),
    SESSION_KEYS: sessionKey,
    LOG_LEVEL: 'fatal',
    ...more
  }
}

/** A clock for a gateway, which the test turns: no machine is so slow that a token ends between the gateway and the tenant. */
export function createClock () {
  const clock = { aheadMs: 0, now: () => Date.now() + clock.aheadMs }
  return clock
}

/**
 * A gateway before a tenant: the sandbox (with its options, if any), a server that answers nothing but 200, one that
 * answers as `tenant` does, or one that runs already. Both end with the test. What the gateway logs goes to the record
 * of the run, at every level.
 */
export async function startGateway (
  t: Test,
  options?: GatewayOptions & { tenant?: 'sandbox', sandbox?: TenantOptions | undefined }
): Promise<Stage>
export async function startGateway (
  t: Test,
  options: GatewayOptions & { tenant: 'plain' | RequestListener }
): Promise<Running & { tenant: PlainTenant }>
export async function startGateway (t: Test, options: GatewayOptions & { tenant: TenantAddress }): Promise<Running>
export async function startGateway (
  t: Test,
  {
    tenant: wanted = 'sandbox',
    sandbox,
    settings = {},
    ...more
  }: GatewayOptions & { tenant?: 'sandbox' | 'plain' | RequestListener | TenantAddress, sandbox?: TenantOptions | undefined } = {}
): Promise<Running> {
  const port = settings.PORT === undefined ? await reservePort() : Number(settings.PORT)
  if (wanted === 'sandbox') {
    const publicUrl = settings.PUBLIC_URL ?? `http://localhost:${port}`
    const tenant = await startTenant({ ...sandbox, redirectUris: [`${publicUrl.replace(/\/$/, '')}/login/callback`] })
    t.teardown(async () => { await tenant.close() })
    const running = await serve(t, tenant, settingsFor(tenant, port, settings), more)
    const stage: Stage = { ...running, tenant, signIn: async (user = alice) => await signIn(running.origin, user) }
    return stage
  }
  const tenant = wanted === 'plain' ? await startPlainTenant(t) : typeof wanted === 'function' ? await startPlainTenant(t, wanted) : wanted
  return { ...await serve(t, tenant, settingsFor(tenant, port, settings), more), tenant } as Running
}

async function serve (
  t: Test,
  tenant: TenantAddress,
  env: NodeJS.ProcessEnv,
  { clock = { now: Date.now }, options = {}, lines }: GatewayOptions
): Promise<Running> {
  const config = readConfig(env)
  noteSecrets({ client_secret: env.QLIK_CLIENT_SECRET })
  for (const key of env.SESSION_KEYS?.split(',') ?? []) noteSecrets({ session_key: key })
  const write = (line: string) => {
    noteOutput(line)
    lines?.push(line)
  }
  const app = await createServer(
    {
      ...config,
      gateway: { ...config.gateway, redisCommandMs: patientMs, ...options, now: clock.now },
      server: { ...config.server, logLevel: 'trace' }
    },
    { write }
  )
  noteSecretsOf(app.server)
  t.teardown(async () => {
    // What the end of the grace period does to a process.
    const grace = setTimeout(() => { app.server.closeAllConnections() }, 5_000)
    await app.close()
    clearTimeout(grace)
  })
  await app.listen({ host: '127.0.0.1', port: config.server.port })
  return {
    app,
    signals: config.gateway.signals,
    origin: `http://localhost:${(app.server.address() as AddressInfo).port}`,
    cookie: await cookieOf(freshSession(clock.now()), { ...tenantAt(tenant.origin), ...tenant })
  }
}

async function signIn (origin: string, user: Identity): Promise<Browser> {
  const browser = createBrowser()
  const answer = await login(browser, `${origin}/login?returnto=/healthz`, user)
  if (answer.status !== 200) {
    throw new Error(`The login of ${user.name} ended with ${answer.status} at ${answer.url}: ${await answer.text()}`)
  }
  await answer.body?.cancel()
  return browser
}

/** A call as a page's script makes it, from the gateway's own origin. */
export function asScript (init: RequestInit & { headers?: Record<string, string> } = {}): RequestInit {
  return { ...init, headers: { accept: 'application/json', 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-origin', ...init.headers } }
}
