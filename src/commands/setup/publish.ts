import { z } from 'zod'
import { readProxies } from '../../settings/config.js'
import { gatewaySchema } from '../../settings/gateway-schema.js'
import { CommandError, expectNoWords, readCall, type CommandIo } from '../command.js'
import { administratorVariables, atTenant, type Administrator } from './administrator.js'
import { readEnvironment, word } from './environment.js'
import { clientsPath } from './oauth-client.js'
import { environmentOf } from './tenant-entry.js'

const schema = z.object({ ...administratorVariables, QLIK_TENANT_URL: gatewaySchema.shape.tenantUrl, QLIK_CLIENT_ID: word })

/**
 * `setup publish` makes the OAuth client available to the other tenants of its region. `setup approve` lets it sign
 * users in at one of them without asking each user for consent.
 */
export async function publishOrApprove (step: 'publish' | 'approve', words: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = readCall(words, { tenant: { type: 'string' }, 'dry-run': { type: 'boolean', default: false } })
  expectNoWords(positionals)
  const environment = readEnvironment(await environmentOf(io.env, values.tenant), schema)
  const { QLIK_TENANT_URL: tenantUrl, QLIK_CLIENT_ID: clientId } = environment
  const said = await atTenant({
    tenantUrl,
    proxies: readProxies(io.env),
    credentials: environment,
    show: values['dry-run'] ? io.out : undefined,
    secrets: []
  },
  async administrator => step === 'publish' ? await publish(administrator, clientId) : await approve(administrator, clientId))
  if (!values['dry-run']) io.err(`${said}\n`)
  return 0
}

async function publish (administrator: Administrator, clientId: string): Promise<string> {
  const clients = await administrator.readAll<{ clientId: string, publishedAt?: string | null }>(`${clientsPath}?limit=100`)
  const client = clients.find(client => client.clientId === clientId)
  if (client === undefined) throw new CommandError(`The tenant has no OAuth client ${clientId}: publish it where it is registered.`, 1)
  if (client.publishedAt) return `The OAuth client ${clientId} is published since ${client.publishedAt}.`
  await administrator.write('POST', `${clientsPath}/${clientId}/actions/publish`)
  return `The OAuth client ${clientId} is published to the tenants of its region. Approve it at each: setup approve.`
}

async function approve (administrator: Administrator, clientId: string): Promise<string> {
  await administrator.write(
    'PATCH', `${clientsPath}/${clientId}/connection-configs/me`, [{ op: 'replace', path: '/consentMethod', value: 'trusted' }]
  )
  return `The OAuth client ${clientId} is trusted at this tenant: it asks no user for consent.`
}
