import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { readConfigFile } from '../../src/settings/config-file.js'
import type { GatewayTenants, TenantOptions } from '../../src/gateway.js'
import { createServer } from '../../src/serve.js'
import { createCookieJar } from '../../src/session/cookies.js'
import type { Session } from '../../src/session/record.js'
import { createSeal } from '../../src/session/seal.js'
import type { Signals } from '../../src/signals.js'
import { scopeOf } from '../../src/tenants/create-tenant.js'
import type { TenantAddress } from './gateway.js'
import { reservePort } from './ports.js'
import { noteOutput, noteSecretsOf } from './run-record.js'
import { freshSession, sessionKey } from './session-cookie.js'

/** A gateway of several tenants, whose file can be written anew. */
export interface Gateway {
  port: number
  tenants: GatewayTenants
  signals: Signals
  /** The lines of its log. */
  log: Record<string, unknown>[]
  /** Writes the file, and has it read at once. */
  write: (document: object) => Promise<void>
  /** Asks for an address by the host and path of its public URL, whatever its name resolves to. */
  get: (url: string, headers?: Record<string, string>) => Promise<Answer>
}

export interface Answer { status: number, headers: IncomingHttpHeaders, body: string }

/** The entry of a tenant in the file. */
export function entryFor (
  name: string,
  publicUrl: string,
  { origin, client = { id: 'id', secret: 'secret' } }: TenantAddress,
  more: Partial<TenantOptions> = {}
): TenantOptions {
  return { name, publicUrl, tenantUrl: origin, clientId: client.id, clientSecret: client.secret, ...more }
}

/** Starts a gateway whose CONFIG_FILE lists these tenants, made for its port. */
export async function startSeveral (
  t: Test,
  makeTenants: (port: number) => TenantOptions[],
  { top = {}, port: wanted }: { top?: object, port?: number } = {}
): Promise<Gateway> {
  const port = wanted ?? await reservePort()
  const folder = await mkdtemp(join(tmpdir(), 'gateway-'))
  const file = join(folder, 'gateway.json')
  const write = async (document: object) => {
    await writeFile(file, JSON.stringify({ sessionKeys: sessionKey, port, ...top, ...document }))
  }
  await write({ tenants: makeTenants(port) })
  const config = await readConfigFile({}, file)
  const log: Record<string, unknown>[] = []
  const app = await createServer({ ...config, server: { ...config.server, logLevel: 'trace' } }, {
    write (line) {
      noteOutput(line)
      log.push(JSON.parse(line) as Record<string, unknown>)
    }
  })
  noteSecretsOf(app.server)
  t.teardown(async () => {
    const grace = setTimeout(() => { app.server.closeAllConnections() }, 5_000)
    await app.close()
    clearTimeout(grace)
    await rm(folder, { recursive: true })
  })
  await app.listen({ host: '127.0.0.1', port })
  return {
    port: (app.server.address() as AddressInfo).port,
    tenants: config.gateway.tenants,
    signals: config.gateway.signals,
    log,
    async write (document) {
      await write(document)
      config.gateway.signals.emit('reload')
    },
    get: async (url, headers = {}) => await get(port, new URL(url), headers)
  }
}

/** The Cookie header of a session of one of several tenants. */
export async function cookieFor (entry: TenantOptions, session: Session = freshSession(), cookieName = 'qlik'): Promise<string> {
  const { pathname } = new URL(entry.publicUrl)
  const seal = createSeal(
    [Buffer.from(sessionKey, 'base64')],
    scopeOf({ tenantUrl: new URL(String(entry.tenantUrl)), clientId: String(entry.clientId), name: entry.name })
  )
  const jar = createCookieJar({
    secure: String(entry.publicUrl).startsWith('https:'),
    crossSite: false,
    name: pathname === '/' ? cookieName : `${cookieName}-${entry.name}`
  })
  return jar.write('session', seal.seal('session', session), 3_600).map(line => line.split(';', 1)[0]).join('; ')
}

async function get (port: number, { host, pathname, search }: URL, headers: Record<string, string>): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: pathname + search, headers: { host, ...headers } }, response => {
      let body = ''
      response.setEncoding('utf8').on('data', piece => { body += piece }).on('end', () => {
        resolve({ status: response.statusCode as number, headers: response.headers, body })
      }).on('error', reject)
    }).on('error', reject).end()
  })
}
