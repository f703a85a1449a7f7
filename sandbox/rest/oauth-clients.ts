import { randomBytes } from 'node:crypto'
import { Refusal } from '../front/errors.js'
import type { JWK } from 'jose'
import type { AuthMethod, GrantType, OAuthClient, RegisteredClient } from '../oauth/clients.js'
import { cutPage } from './paging.js'
import { refuseAllButAdministrators } from './administration.js'
import type { RouteSet } from './resources.js'

interface Patch { op: string, path: string, value: unknown }

/** A client with the field names of the API. The registry refuses invalid ones. */
interface NewClient {
  appType?: string
  clientName?: string
  redirectUris?: string[]
  allowedScopes?: string[]
  allowedGrantTypes?: GrantType[]
  allowedAuthMethods?: AuthMethod[]
  publicKeys?: JWK[]
  connectionConfig?: { consentMethod?: string }
}

// The fields of a client that can be replaced, with their names in the registry.
const patchable: Record<string, keyof OAuthClient> = {
  '/redirectUris': 'redirectUris',
  '/allowedScopes': 'scopes',
  '/allowedOrigins': 'allowedOrigins',
  '/allowedGrantTypes': 'grantTypes',
  '/allowedAuthMethods': 'authMethods',
  '/publicKeys': 'publicKeys',
  '/clientName': 'name'
}

const badRequest = (detail: string): Refusal => new Refusal(400, 'OAUTH-CLIENTS-400', 'Bad request', detail)

/**
 * /api/v1/oauth-clients: clients of type Web, their secrets and their consent. Only the operations that are needed to
 * set up a gateway.
 */
export const addOAuthClientRoutes: RouteSet = (app, { names, clients }) => {
  const onRequest = refuseAllButAdministrators
  const find = (id: string): RegisteredClient => {
    const client = clients.get(id)
    if (!client) throw new Refusal(404, 'OAUTH-CLIENTS-404', 'Not found', `There is no OAuth client ${id}.`)
    return client
  }
  const describe = (client: RegisteredClient): Record<string, unknown> => ({
    clientId: client.clientId,
    clientName: client.name,
    appType: client.appType,
    redirectUris: client.redirectUris,
    allowedScopes: client.scopes,
    allowedOrigins: client.allowedOrigins,
    allowedGrantTypes: client.grantTypes,
    allowedAuthMethods: client.authMethods,
    publicKeys: client.publicKeys,
    publishedAt: client.publishedAt,
    clientSecrets: clients.secretsOf(client.clientId).map(({ hint, createdAt }) => ({ hint, createdAt })),
    createdAt: '2025-01-15T08:00:00Z'
  })
  // A tenant answers 400 to what the registry refuses.
  const register = (client: OAuthClient): void => {
    try {
      clients.register(client)
    } catch (error) {
      throw badRequest((error as Error).message)
    }
  }

  app.get('/api/v1/oauth-clients', { onRequest }, async request => {
    const { data, links } = cutPage(request, names.origin, clients.list())
    return { data: data.map(describe), links }
  })

  app.get<{ Params: { id: string } }>('/api/v1/oauth-clients/:id', { onRequest }, async request => describe(find(request.params.id)))

  app.post<{ Body: NewClient }>('/api/v1/oauth-clients', { onRequest }, async (request, reply) => {
    const { appType, clientName, redirectUris = [], allowedScopes } = request.body
    const { allowedGrantTypes, allowedAuthMethods, publicKeys, connectionConfig } = request.body
    const needsRedirect = allowedGrantTypes?.includes('authorization_code') ?? true
    if (appType !== 'web' || !clientName || (needsRedirect && redirectUris.length === 0)) {
      throw badRequest('The sandbox takes clients of the app type web, with a name, and redirect URIs for the authorization code.')
    }
    const client: OAuthClient = {
      clientId: randomBytes(16).toString('hex'),
      clientSecret: randomBytes(32).toString('hex'),
      name: clientName,
      redirectUris,
      scopes: allowedScopes ?? ['user_default'],
      consent: connectionConfig?.consentMethod === 'trusted' ? 'trusted' : 'required',
      ...(allowedGrantTypes === undefined ? {} : { grantTypes: allowedGrantTypes }),
      ...(allowedAuthMethods === undefined ? {} : { authMethods: allowedAuthMethods }),
      ...(publicKeys === undefined ? {} : { publicKeys })
    }
    register(client)
    return await reply.code(201).send({ ...describe(find(client.clientId)), clientSecret: client.clientSecret })
  })

  app.patch<{ Params: { id: string }, Body: Patch[] }>('/api/v1/oauth-clients/:id', { onRequest }, async (request, reply) => {
    const client = find(request.params.id)
    const changes = request.body.map(({ op, path, value }) => {
      const field = patchable[path]
      if (op !== 'replace' || field === undefined) throw badRequest(`${op} ${path} is not possible.`)
      return [field, value]
    })
    register({ ...client, ...Object.fromEntries(changes) as Partial<OAuthClient> })
    return await reply.code(204).send()
  })

  app.delete<{ Params: { id: string } }>('/api/v1/oauth-clients/:id', { onRequest }, async (request, reply) => {
    clients.remove(find(request.params.id).clientId)
    return await reply.code(204).send()
  })

  app.post<{ Params: { id: string } }>('/api/v1/oauth-clients/:id/actions/publish', { onRequest }, async request => {
    const publishedAt = new Date().toISOString()
    register({ ...find(request.params.id), publishedAt })
    return { publishedAt }
  })

  app.post<{ Params: { id: string } }>('/api/v1/oauth-clients/:id/client-secrets', { onRequest }, async (request, reply) => {
    const { clientId } = find(request.params.id)
    const made = clients.addSecret(clientId)
    if (made === undefined) throw new Refusal(409, 'OAUTH-CLIENTS-409', 'Conflict', 'A client has five secrets at most.')
    return await reply.code(201).send({ clientId, clientSecret: made.secret, hint: made.hint, createdAt: made.createdAt })
  })

  const secret = '/api/v1/oauth-clients/:id/client-secrets/:hint'
  app.delete<{ Params: { id: string, hint: string } }>(secret, { onRequest }, async (request, reply) => {
    if (!clients.dropSecret(find(request.params.id).clientId, request.params.hint)) {
      throw new Refusal(404, 'OAUTH-CLIENTS-404', 'Not found', 'There is no such secret.')
    }
    return await reply.code(204).send()
  })

  const connectionConfig = '/api/v1/oauth-clients/:id/connection-configs/me'
  app.get<{ Params: { id: string } }>(connectionConfig, { onRequest }, async request =>
    ({ consentMethod: find(request.params.id).consent, status: 'approved' }))

  app.patch<{ Params: { id: string }, Body: Patch[] }>(connectionConfig, { onRequest }, async (request, reply) => {
    const [patch] = request.body
    if (patch?.op !== 'replace' || patch.path !== '/consentMethod' || (patch.value !== 'trusted' && patch.value !== 'required')) {
      throw badRequest('The consent method is trusted or required.')
    }
    register({ ...find(request.params.id), consent: patch.value })
    return await reply.code(204).send()
  })
}
