import type { JsonWebKey } from 'node:crypto'
import { CommandError } from '../command.js'
import type { Administrator } from './administrator.js'

/** The OAuth client that the gateway needs. */
export interface WantedClient {
  name: string
  /** Undefined if nobody signs in with the client. */
  redirectUri?: string | undefined
  /** The required grant types. By default those of a login. */
  grantTypes?: readonly string[] | undefined
  /** The public half of a new key. */
  publicKey?: (JsonWebKey & { kid: string }) | undefined
  scopes: readonly string[]
  /** Create a new secret for an existing client. Its older secrets stay valid. */
  rotateSecret: boolean
  /** Delete all secrets of the client except the newest. */
  endOldSecrets: boolean
}

/** The client in the tenant. It has no id if the request was only shown, and no secret if it existed before. */
export interface RegisteredClient { clientId?: string, clientSecret?: string, isNew?: boolean }

interface Client {
  clientId: string
  clientName: string
  appType: string
  redirectUris?: string[]
  allowedScopes?: string[]
  allowedGrantTypes?: string[]
  allowedAuthMethods?: string[]
  publicKeys?: object[]
  clientSecrets?: { hint: string, createdAt?: string }[]
}

/** The path of a tenant's OAuth clients. */
export const clientsPath = '/api/v1/oauth-clients'
const path = clientsPath
const mostRedirectUris = 5
const keyMethod = 'private_key_jwt'

/** Registers the client, or updates the existing one. Changes only what differs, and reports each change to `tell`. */
export async function registerClient (
  administrator: Administrator, wanted: WantedClient, tell: (text: string) => void
): Promise<RegisteredClient> {
  const { name, redirectUri, scopes, grantTypes, publicKey, rotateSecret, endOldSecrets } = wanted
  const client = findClient(await administrator.readAll<Client>(`${path}?limit=100`), wanted)
  if (client === undefined) {
    const created = await administrator.write<{ clientId: string, clientSecret: string }>('POST', path, {
      appType: 'web',
      clientName: name,
      redirectUris: redirectUri === undefined ? [] : [redirectUri],
      allowedScopes: scopes,
      ...(grantTypes === undefined ? {} : { allowedGrantTypes: grantTypes }),
      ...(publicKey === undefined ? {} : { allowedAuthMethods: [keyMethod], publicKeys: [publicKey] }),
      connectionConfig: { consentMethod: 'trusted' }
    })
    if (created !== undefined) tell(`The OAuth client ${name} is registered (${created.clientId}).`)
    return { ...created, isNew: true }
  }
  const { clientId } = client
  const patches = patchesOf(client, wanted)
  if (patches.length > 0) {
    await administrator.write('PATCH', `${path}/${clientId}`, patches)
    tell(`The OAuth client ${client.clientName} (${clientId}) lacked ${patches.map(({ path }) => path.slice(1)).join(' and ')}.`)
  }
  const consent = `${path}/${clientId}/connection-configs/me`
  const trusted = (await administrator.read<{ consentMethod?: string }>(consent)).consentMethod === 'trusted'
  if (!trusted) {
    await administrator.write('PATCH', consent, [{ op: 'replace', path: '/consentMethod', value: 'trusted' }])
    tell(`The OAuth client ${client.clientName} (${clientId}) asked every user for consent.`)
  }
  if (patches.length === 0 && trusted) tell(`The OAuth client ${client.clientName} (${clientId}) is as it should be.`)
  if (endOldSecrets) await endSecrets(administrator, client, tell)
  if (!rotateSecret) return { clientId }
  const made = await administrator.write<{ clientSecret: string }>('POST', `${path}/${clientId}/client-secrets`)
  if (made === undefined) return { clientId }
  tell('It has a new secret; the older ones go on working. When every gateway has the new one, end them: setup --end-old-secrets')
  return { clientId, clientSecret: made.clientSecret }
}

/** Finds the client by its name, or else by its redirect URI. */
function findClient (clients: readonly Client[], { name, redirectUri }: WantedClient): Client | undefined {
  const named = clients.filter(({ clientName }) => clientName === name)
  const isAt = ({ redirectUris = [], appType }: Client, uri: string) => appType === 'web' && redirectUris.includes(uri)
  const found = named.length > 0 ? named : clients.filter(client => redirectUri !== undefined && isAt(client, redirectUri))
  if (found.length > 1) {
    throw new CommandError(
      `The tenant has ${found.length} OAuth clients that could be meant (${found.map(({ clientId }) => clientId).join(', ')}): rename ` +
        'or delete all but one, or use another --name.',
      1
    )
  }
  if (found[0] !== undefined && found[0].appType !== 'web') {
    throw new CommandError(`The OAuth client ${name} is of type ${found[0].appType}, which cannot be changed: use another --name.`, 1)
  }
  return found[0]
}

/** What the client lacks. Additional values stay, since other applications may use them. */
function patchesOf (
  client: Client, { redirectUri, scopes, grantTypes = [], publicKey }: WantedClient
): { op: 'replace', path: string, value: unknown[] }[] {
  const { redirectUris = [], allowedScopes = [], allowedGrantTypes = [], allowedAuthMethods = [], publicKeys = [] } = client
  const missing = scopes.filter(scope => !allowedScopes.includes(scope))
  const known = redirectUri === undefined || redirectUris.includes(redirectUri)
  const missingGrants = grantTypes.filter(grant => !allowedGrantTypes.includes(grant))
  if (!known && redirectUris.length >= mostRedirectUris) {
    throw new CommandError(
      `The OAuth client has ${mostRedirectUris} redirect URLs already, as many as a tenant allows: remove one, or use another --name.`, 1
    )
  }
  return [
    ...(known ? [] : [{ op: 'replace' as const, path: '/redirectUris', value: [...redirectUris, redirectUri] }]),
    ...(missing.length === 0 ? [] : [{ op: 'replace' as const, path: '/allowedScopes', value: [...allowedScopes, ...missing] }]),
    ...(missingGrants.length === 0
      ? []
      : [
          { op: 'replace' as const, path: '/allowedGrantTypes', value: [...allowedGrantTypes, ...missingGrants] }
        ]),
    // Both changes in one request, because a tenant refuses the method without a key.
    ...(publicKey === undefined ? [] : [{ op: 'replace' as const, path: '/publicKeys', value: [...publicKeys, publicKey] }]),
    ...(publicKey === undefined || allowedAuthMethods.includes(keyMethod)
      ? []
      : [
          { op: 'replace' as const, path: '/allowedAuthMethods', value: [...allowedAuthMethods, keyMethod] }
        ])
  ]
}

async function endSecrets (
  administrator: Administrator, { clientId, clientSecrets = [] }: Client, tell: (text: string) => void
): Promise<void> {
  const madeAt = ({ createdAt }: { createdAt?: string }) => Date.parse(String(createdAt))
  const [, ...old] = [...clientSecrets].sort((one, other) => madeAt(other) - madeAt(one))
  if (clientSecrets.some(secret => Number.isNaN(madeAt(secret)))) {
    throw new CommandError('The tenant does not tell when the secrets were made: delete the old ones in the administration console.', 1)
  }
  for (const { hint } of old) await administrator.write('DELETE', `${path}/${clientId}/client-secrets/${encodeURIComponent(hint)}`)
  tell(old.length === 0 ? 'It has one secret only.' : `Of its secrets only the newest is left, ${old.length} older ended.`)
}
