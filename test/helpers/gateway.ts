import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { choosePort } from '../../sandbox/demo/ports.js'
import { alice, type Identity } from '../../sandbox/identities.js'
import { noteSecrets } from '../../sandbox/secrets.js'
import { startTenant, type Tenant, type TenantOptions } from '../../sandbox/tenant.js'
import { readConfig } from '../../src/config.js'
import { createServer } from '../../src/serve.js'
import type { Signals } from '../../src/signals.js'
import { createBrowser, login, type Browser } from './browser-jar.js'
import { noteOutput, noteSecretsOf } from './run-record.js'
import { cookieOf, freshSession, sessionKey, tenantAt } from './session-cookie.js'

interface Teardown { teardown: (handler: () => Promise<void> | void) => void }

export interface Running {
  origin: string
  app: FastifyInstance
  signals: Signals
}

export interface Stage extends Running {
  tenant: Tenant
  /** A browser that has signed in. */
  signIn: (user?: Identity) => Promise<Browser>
}

/** A port that was free a moment ago: the public URL must be known before the gateway listens. */
export async function freePort (): Promise<number> {
  return await choosePort(0)
}

/** The settings that every gateway of the tests has. */
export function settingsFor (tenant: { origin: string, client: { id: string, secret: string } }, port: number, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return {
    QLIK_TENANT_URL: tenant.origin,
    QLIK_CLIENT_ID: tenant.client.id,
    QLIK_CLIENT_SECRET: tenant.client.secret,
    PUBLIC_URL: `http://localhost:${port}`,
    PORT: String(port),
    SESSION_KEYS: sessionKey,
    LOG_LEVEL: 'fatal',
    ...more
  }
}

/** Serves the gateway on a port with these settings. Its log goes to the record of the run, at every level. */
export async function startGateway (t: Teardown, env: NodeJS.ProcessEnv, now = Date.now): Promise<Running> {
  const config = readConfig(env)
  noteSecrets({ client_secret: env.QLIK_CLIENT_SECRET })
  for (const key of env.SESSION_KEYS?.split(',') ?? []) noteSecrets({ session_key: key })
  const app = await createServer({ ...config, gateway: { ...config.gateway, now }, server: { ...config.server, logLevel: 'trace' } }, { write: noteOutput })
  noteSecretsOf(app.server)
  t.teardown(async () => {
    // What the end of the grace period does to a process.
    const grace = setTimeout(() => { app.server.closeAllConnections() }, 5_000)
    await app.close()
    clearTimeout(grace)
  })
  await app.listen({ host: '127.0.0.1', port: config.server.port })
  return { app, signals: config.gateway.signals, origin: `http://localhost:${(app.server.address() as AddressInfo).port}` }
}

/** A clock for a gateway, which the test turns: no machine is so slow that a token ends between the gateway and the tenant. */
export function createClock () {
  const clock = { aheadMs: 0, now: () => Date.now() + clock.aheadMs }
  return clock
}

/** A sandbox tenant, whose access tokens live for six hours unless told otherwise, and a gateway before it. */
export async function startStage (t: Teardown, { settings, tenant: tenantOptions, now }: { settings?: NodeJS.ProcessEnv, tenant?: TenantOptions, now?: () => number } = {}): Promise<Stage> {
  const port = await freePort()
  const publicUrl = settings?.PUBLIC_URL ?? `http://localhost:${port}`
  const tenant = await startTenant({ ...tenantOptions, redirectUris: [`${publicUrl.replace(/\/$/, '')}/login/callback`] })
  t.teardown(async () => { await tenant.close() })
  const running = await startGateway(t, settingsFor(tenant, port, settings), now)
  return {
    ...running,
    tenant,
    async signIn (user = alice) {
      const browser = createBrowser()
      const answer = await login(browser, `${running.origin}/login?returnto=/healthz`, user)
      if (answer.status !== 200) throw new Error(`The login of ${user.name} ended with ${answer.status} at ${answer.url}: ${await answer.text()}`)
      await answer.body?.cancel()
      return browser
    }
  }
}

/** A call as a page's script makes it, from the gateway's own origin. */
export function asScript (init: RequestInit & { headers?: Record<string, string> } = {}): RequestInit {
  return { ...init, headers: { accept: 'application/json', 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-origin', ...init.headers } }
}

/** A gateway before an upstream of the test's own, and the cookie of a session there. */
export async function startBefore (t: Teardown, origin: string, { settings, now }: { settings?: NodeJS.ProcessEnv, now?: () => number } = {}): Promise<Running & { cookie: string }> {
  const running = await startGateway(t, settingsFor(tenantAt(origin), await freePort(), settings), now)
  return { ...running, cookie: await cookieOf(freshSession(now?.()), tenantAt(origin)) }
}
