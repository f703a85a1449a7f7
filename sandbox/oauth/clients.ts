import { randomBytes } from 'node:crypto'
import type { AdapterPayload } from 'oidc-provider'
import type { JWK } from 'jose'
import { noteSecrets } from '../secrets.js'
import { checkClientKey, type ClientKey } from './client-keys.js'

/** The grant with which a client gets a token for a user who does not take part. */
export const impersonationGrant = 'urn:qlik:oauth:user-impersonation'
/** The grant types for which a client can be registered. */
export const grantTypes = ['authorization_code', 'refresh_token', 'client_credentials', impersonationGrant] as const
export type GrantType = typeof grantTypes[number]

/** The authentication methods of clients. The names of the first two are a guess, from RFC 7591. */
export const authMethods = ['client_secret_post', 'client_secret_basic', 'private_key_jwt'] as const
export type AuthMethod = typeof authMethods[number]

/** An OAuth client of type Web, as an administrator registers it in the tenant. */
export interface OAuthClient {
  clientId: string
  clientSecret: string
  name?: string
  redirectUris: string[]
  /** The scopes that the client may request. */
  scopes?: string[]
  /** Origins of pages that may use the client's tokens. A gateway needs none. */
  allowedOrigins?: string[]
  consent?: 'trusted' | 'required'
  appType?: 'web' | 'native' | 'spa'
  /** By default authorization code and refresh token. */
  grantTypes?: GrantType[]
  /** By default both ways to send a secret. */
  authMethods?: AuthMethod[]
  /** The keys for private_key_jwt. */
  publicKeys?: JWK[]
  /** When the client was published to other tenants of the region (ISO 8601), or null. */
  publishedAt?: string | null
  /** Additional valid secrets. */
  moreSecrets?: ClientSecret[]
}

/** A client as the registry keeps it. */
export type RegisteredClient = Required<Omit<OAuthClient, 'publicKeys'>> & { publicKeys: ClientKey[] }

/** A secret, with what an administrator can see of it later. */
export interface ClientSecret { secret: string, hint: string, createdAt: string }

const maximalRedirectUris = 5
const maximalSecrets = 5
/** The default scopes of a client. */
export const defaultScopes = [
  'user_default', 'offline_access', 'admin_classic', 'apps', 'apps:read', 'identity.name:read', 'identity.email:read'
]

/** Clients by their id. */
export class ClientRegistry {
  readonly #clients = new Map<string, RegisteredClient>()

  constructor (clients: OAuthClient[]) {
    for (const client of clients) this.register(client)
  }

  /** Registers a client, or replaces the one with the same id. Throws an error if a tenant would refuse it. */
  register (client: OAuthClient): void {
    checkRedirectUris(client.redirectUris)
    const { publicKeys = [], ...rest } = client
    const registered = {
      name: client.clientId,
      scopes: defaultScopes,
      allowedOrigins: [],
      consent: 'trusted' as const,
      appType: 'web' as const,
      grantTypes: ['authorization_code', 'refresh_token'] satisfies GrantType[],
      authMethods: ['client_secret_post', 'client_secret_basic'] satisfies AuthMethod[],
      publishedAt: null,
      moreSecrets: [],
      ...rest,
      publicKeys: publicKeys.map(key => {
        checkClientKey(key)
        return key
      })
    }
    checkNames('grant type', registered.grantTypes, grantTypes)
    checkNames('authentication method', registered.authMethods, authMethods)
    if (registered.authMethods.includes('private_key_jwt') && publicKeys.length === 0) {
      throw new Error('private_key_jwt needs a public key.')
    }
    noteSecrets({ client_secret: client.clientSecret })
    this.#clients.set(client.clientId, registered)
  }

  /** Removes a client, whose id then no longer works. */
  remove (clientId: string): void {
    this.#clients.delete(clientId)
  }

  get (clientId: string): RegisteredClient | undefined {
    return this.#clients.get(clientId)
  }

  /** All clients, in the order of their registration. */
  list (): RegisteredClient[] {
    return [...this.#clients.values()]
  }

  /** The secrets of an existing client, oldest first. */
  secretsOf (clientId: string): ClientSecret[] {
    const { clientSecret, moreSecrets } = this.require(clientId)
    return [{ secret: clientSecret, hint: clientSecret.slice(0, 4), createdAt: '2025-01-15T08:00:00Z' }, ...moreSecrets]
  }

  /** Whether a secret is one of the client's. */
  accepts (clientId: string, secret: string | undefined): boolean {
    return this.#clients.has(clientId) && this.secretsOf(clientId).some(known => known.secret === secret)
  }

  /** Adds a secret. Returns undefined if the client has the maximal number already. */
  addSecret (clientId: string): ClientSecret | undefined {
    const secrets = this.secretsOf(clientId)
    if (secrets.length === maximalSecrets) return undefined
    const secret = randomBytes(32).toString('hex')
    noteSecrets({ client_secret: secret })
    const made = { secret, hint: secret.slice(0, 4), createdAt: new Date().toISOString() }
    this.#keepSecrets(clientId, [...secrets, made])
    return made
  }

  /** Deletes the secret with this hint, unless it is the last one. Returns whether it was found. */
  dropSecret (clientId: string, hint: string): boolean {
    const secrets = this.secretsOf(clientId)
    const kept = secrets.filter(secret => secret.hint !== hint)
    if (kept.length === 0 || kept.length === secrets.length) return false
    this.#keepSecrets(clientId, kept)
    return true
  }

  #keepSecrets (clientId: string, [first, ...moreSecrets]: ClientSecret[]): void {
    const client = this.require(clientId)
    this.#clients.set(clientId, { ...client, clientSecret: first?.secret ?? client.clientSecret, moreSecrets })
  }

  /** Returns a client, or throws an error. */
  require (clientId: string): RegisteredClient {
    const client = this.#clients.get(clientId)
    if (!client) throw new Error(`No OAuth client "${clientId}" is registered. Registered: ${[...this.#clients.keys()].join(', ')}.`)
    return client
  }

  /** The client's metadata in the form of oidc-provider. */
  metadata (clientId: string): AdapterPayload | undefined {
    const client = this.#clients.get(clientId)
    if (!client) return undefined
    return {
      client_id: client.clientId,
      client_secret: client.clientSecret,
      client_name: client.name,
      redirect_uris: client.redirectUris,
      grant_types: client.grantTypes.filter(grant => grant === 'authorization_code' || grant === 'refresh_token'),
      response_types: client.grantTypes.includes('authorization_code') ? ['code'] : [],
      token_endpoint_auth_method: 'client_secret_post'
    }
  }
}

function checkNames (kind: string, names: readonly string[], known: readonly string[]): void {
  const unknown = names.filter(name => !known.includes(name))
  if (names.length > 0 && unknown.length === 0) return
  throw new Error(`A client takes as ${kind} some of ${known.join(', ')}, not "${unknown.join(', ')}".`)
}

function checkRedirectUris (uris: string[]): void {
  if (uris.length > maximalRedirectUris) throw new Error(`A client takes ${maximalRedirectUris} redirect URIs at most, not ${uris.length}.`)
  for (const uri of uris) {
    const { protocol, hostname } = new URL(uri)
    if (protocol !== 'https:' && !(protocol === 'http:' && hostname === 'localhost')) {
      throw new Error(`Redirect URI ${uri} is refused: a tenant takes https, and http only on the host "localhost".`)
    }
  }
}
