import { z } from 'zod'
import type { OutboundProxies } from '../../tenants/outbound-proxy.js'
import { createTransport } from '../../tenants/transport.js'
import { createSignals } from '../../signals.js'
import { createReadResource } from '../../tenants/resource.js'
import { CommandError } from '../command.js'
import { createAsk, readError, readFields, type Answer, type Ask } from '../doctor/ask.js'
import { describeFailure } from '../doctor/failure.js'
import { Found } from '../doctor/finding.js'
import { word } from './environment.js'

/** The variables that name the administrator: an API key, or a machine-to-machine client. */
export const administratorVariables = {
  QLIK_ADMIN_API_KEY: word.optional(),
  QLIK_ADMIN_CLIENT_ID: word.optional(),
  QLIK_ADMIN_CLIENT_SECRET: word.optional()
}

export interface AdministratorOptions {
  tenantUrl: URL
  proxies: OutboundProxies
  credentials: z.output<z.ZodObject<typeof administratorVariables>>
  /** Shows requests that change something instead of sending them. If it is not given, they are sent. */
  show?: ((request: string) => void) | undefined
  /** Values that must not be shown in requests and errors. */
  secrets: readonly string[]
}

/** The tenant's REST API with the rights of a tenant administrator. All methods raise CommandError. */
export interface Administrator {
  /** The tenant's id and its host names, the original one first. */
  tenant: { id: string, hostnames: string[] }
  /** Reads all pages of a list. */
  readAll: <Item>(path: string) => Promise<Item[]>
  read: <Body>(path: string) => Promise<Body>
  /** Changes something. Returns undefined if the request was only shown, or if its answer has no body. */
  write: <Body>(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: object) => Promise<Body | undefined>
}

const tenantSchema = z.object({ id: z.string(), hostnames: z.array(z.string()).min(1) })
const connections = 2

/** Acts as administrator of the tenant, after checking that its original host name is used. Raises CommandError. */
export async function atTenant<Value> (
  options: AdministratorOptions, work: (administrator: Administrator, ask: Ask) => Promise<Value>
): Promise<Value> {
  const { fetch, close } = createTransport(options.tenantUrl, { connections, signals: createSignals(), proxies: options.proxies })
  const ask = createAsk(fetch)
  const attempt = async () => {
    const administrator = await createAdministrator(options, fetch, ask)
    const { hostnames } = administrator.tenant
    if (hostnames[0] !== options.tenantUrl.hostname) {
      throw new CommandError(
        `${options.tenantUrl.hostname} is an alias, under which no login works: set QLIK_TENANT_URL to the tenant's original ` +
          `hostname, ${hostnames[0]}.`,
        1
      )
    }
    return await work(administrator, ask)
  }
  return await attempt().catch((error: Error) => {
    if (error instanceof Found) throw new CommandError(`${error.finding.text} ${error.finding.remedy}`, 1)
    throw error
  }).finally(close)
}

async function createAdministrator (
  { tenantUrl, credentials, show, secrets }: AdministratorOptions, fetch: typeof globalThis.fetch, ask: Ask
): Promise<Administrator> {
  const bearer = await readBearer(tenantUrl, credentials, ask)
  const mask = (text: string) => secrets.reduce((masked, secret) => masked.replaceAll(secret, '***'), text)
  const read = createReadResource(tenantUrl, fetch)('/api/v1/tenants/me', bearer)
  const text = await read.catch((error: unknown) => { throw new Found(describeFailure(tenantUrl.host, error)) })
  const tenant = tenantSchema.safeParse(readFields({ text: text ?? '' }))
  if (!tenant.success) {
    throw new CommandError(
      'The tenant does not show itself (GET /api/v1/tenants/me): check the API key or the client of the administrator.', 1
    )
  }

  async function call (url: URL, init: RequestInit = {}): Promise<Answer> {
    const answer = await ask(
      url,
      {
        ...init,
        headers: {
          authorization: `Bearer ${bearer}`,
          accept: 'application/json',
          ...(init.body === undefined ? {} : { 'content-type': 'application/json' })
        }
      }
    )
    if (answer.status >= 200 && answer.status < 300) return answer
    const { code, words } = readError(answer)
    throw new CommandError(
      `${init.method ?? 'GET'} ${url.pathname} was refused (${answer.status}, ${code}): ` +
        `${remedies[answer.status] ?? mask(words).replace(/[^\x20-\x7e]/g, '').slice(0, 300)}`,
      1
    )
  }

  return {
    tenant: tenant.data,
    async readAll<Item> (path: string) {
      const items: Item[] = []
      for (let url: URL | undefined = new URL(path, tenantUrl); url !== undefined;) {
        const { data, links } = readFields(await call(url)) as { data: Item[], links?: { next?: { href?: string } } }
        items.push(...data)
        const next: string | undefined = links?.next?.href
        // Only the path of a link is used, so that the administrator's token is sent to nobody but the tenant.
        url = next === undefined ? undefined : new URL(new URL(next, tenantUrl).pathname + new URL(next, tenantUrl).search, tenantUrl)
      }
      return items
    },
    read: async <Body>(path: string) => readFields(await call(new URL(path, tenantUrl))) as Body,
    async write<Body> (method: string, path: string, body?: object) {
      const url = new URL(path, tenantUrl)
      if (show !== undefined) {
        show(`${method} ${url.href}${body === undefined ? '' : `\n${mask(JSON.stringify(body, null, 2))}`}\n`)
        return undefined
      }
      const answer = await call(url, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
      return answer.text === '' ? undefined : readFields(answer) as Body
    }
  }
}

const remedies: Record<number, string> = {
  401: 'the tenant does not accept the administrator. Check the API key or the access token\'s client.',
  403: 'it takes the role TenantAdmin. Use an API key of an administrator, or a machine-to-machine client with the scope admin_classic.',
  429: 'too many calls. Try again in a minute.'
}

async function readBearer (tenantUrl: URL, credentials: AdministratorOptions['credentials'], ask: Ask): Promise<string> {
  const { QLIK_ADMIN_API_KEY: key, QLIK_ADMIN_CLIENT_ID: id, QLIK_ADMIN_CLIENT_SECRET: secret } = credentials
  if (key !== undefined) return key
  if (id === undefined || secret === undefined) {
    throw new CommandError('Who administers the tenant? Set QLIK_ADMIN_API_KEY, or QLIK_ADMIN_CLIENT_ID and QLIK_ADMIN_CLIENT_SECRET ' +
      'of a machine-to-machine client; each may be a file, as QLIK_ADMIN_API_KEY_FILE.')
  }
  const answer = await ask(
    new URL('/oauth/token', tenantUrl),
    { method: 'POST', body: new URLSearchParams({ grant_type: 'client_credentials', client_id: id, client_secret: secret }) }
  )
  const { access_token: token } = readFields(answer)
  if (typeof token !== 'string') {
    throw new CommandError(
      `The tenant gives the administrator's client no token (${answer.status}, ${readError(answer).code}): check ` +
        'QLIK_ADMIN_CLIENT_ID, its secret, and that the client may use client credentials.',
      1
    )
  }
  return token
}
