import { type KeyObject, randomBytes } from 'node:crypto'
import Fastify from 'fastify'
import { exportJWK } from 'jose'
import { createKeyPair } from '../key-pair.js'
import { findIdentity } from '../identities.js'
import { listenOnLoopback } from '../front/listeners.js'
import { pathOf } from '../front/names.js'
import { finishInteraction } from './interaction.js'
import { renderLoginPage } from './login-page.js'
import { MemoryStore } from './memory-adapter.js'
import { renderPage, escapeHtml } from './page.js'
import { Provider, type ProviderInstance } from './provider-module.js'

/** The tenant as a client of its identity provider. */
export interface OktaClient { clientId: string, clientSecret: string, redirectUri: string }

/** A running stand-in for Okta. */
export interface Okta {
  origin: string
  /** The issuer of the authorization server, with the name of Okta's default one. */
  issuer: string
  /** A token for Okta's own API. */
  apiToken: string
  close (): Promise<void>
}

/** Options of the stand-in. `client` is the tenant, its only client. */
export interface OktaOptions { port: number, client: OktaClient, log: (line: string) => void }

const mountPath = '/oauth2/default'

/** Starts an OpenID provider that imitates an Okta organisation with the sandbox's users. */
export async function startOkta ({ port, client, log }: OktaOptions): Promise<Okta> {
  let handle: Parameters<typeof listenOnLoopback>[0]['onRequest'] = (_req, res) => { res.writeHead(503).end() }
  const listeners = await listenOnLoopback({ port, onRequest: (req, res) => { handle(req, res) } })
  const origin = `http://localhost:${listeners.port}`
  const provider = await createProvider(`${origin}${mountPath}`, client, log)
  const callback = provider.callback()

  const app = Fastify()
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    done(null, new URLSearchParams(String(body)))
  })
  app.setErrorHandler(async (error: Error, _request, reply) => {
    log(`identity provider: ${error.message}`)
    return await reply
      .code(400)
      .type('text/html')
      .send(renderPage('Sign-in expired', '<h1>This sign-in has expired</h1><p>Go back to the application and start again.</p>'))
  })
  app.get('/signin/:uid', async (request, reply) => {
    await provider.interactionDetails(request.raw, reply.raw)
    return await reply.type('text/html').header('cache-control', 'no-store').send(renderLoginPage())
  })
  app.post<{ Body: URLSearchParams }>('/signin/:uid', async (request, reply) => {
    const username = request.body.get('username') ?? ''
    const identity = findIdentity(username)
    if (!identity || identity.password !== request.body.get('password')) {
      await provider.interactionDetails(request.raw, reply.raw)
      return await reply.code(401).type('text/html').header('cache-control', 'no-store').send(renderLoginPage({ username }))
    }
    return await finishInteraction(provider, request, reply, { login: { accountId: identity.subject, amr: ['pwd'] } })
  })
  // Only the part of Okta's own API that describes the authorization server.
  const apiToken = randomBytes(24).toString('hex')
  const server = '/api/v1/authorizationServers/default'
  for (const [path, body] of Object.entries({
    [server]: { id: 'default', name: 'default', audiences: ['qlik.api'] },
    [`${server}/claims`]: [{ name: 'groups', claimType: 'IDENTITY', valueType: 'GROUPS' }]
  })) {
    app.get(path, async (request, reply) =>
      request.headers.authorization === `SSWS ${apiToken}`
        ? body
        : await reply.code(401).send({ errorCode: 'E0000011', errorSummary: 'Invalid token provided' })
    )
  }
  await app.ready()

  handle = (req, res) => {
    if (!pathOf(req).startsWith(`${mountPath}/`)) {
      app.routing(req, res)
      return
    }
    // By this convention of Express, oidc-provider finds out where it is mounted.
    Object.assign(req, { originalUrl: req.url })
    req.url = req.url?.slice(mountPath.length) ?? '/'
    callback(req, res).catch((error: unknown) => { log(`identity provider: ${String(error)}`) })
  }
  return {
    origin,
    issuer: `${origin}${mountPath}`,
    apiToken,
    close: async () => {
      await listeners.close()
      await app.close()
    }
  }
}

let key: KeyObject | undefined

/** Okta signs with RSA. Generating such a key is slow, so all instances of a process share one. */
function signingKey (): KeyObject {
  key ??= createKeyPair(2048).privateKey
  return key
}

async function createProvider (issuer: string, client: OktaClient, log: OktaOptions['log']): Promise<ProviderInstance> {
  const jwk = { ...await exportJWK(signingKey()), kid: randomBytes(16).toString('hex'), alg: 'RS256', use: 'sig' }
  const store = new MemoryStore(clientId => describeClient(clientId, client))
  const provider: ProviderInstance = new Provider(issuer, {
    adapter: model => store.adapter(model),
    jwks: { keys: [jwk] },
    routes: { authorization: '/v1/authorize', token: '/v1/token', jwks: '/v1/keys', userinfo: '/v1/userinfo' },
    cookies: {
      names: { session: 'sandbox-okta', interaction: 'sandbox-okta-login', resume: 'sandbox-okta-resume' },
      keys: [randomBytes(32).toString('hex')]
    },
    claims: { openid: ['sub'], profile: ['name', 'locale', 'preferred_username'], email: ['email', 'email_verified'], groups: ['groups'] },
    // Okta includes profile claims in the ID token of a code flow.
    conformIdTokenClaims: false,
    pkce: { required: () => false },
    clientBasedCORS: () => false,
    findAccount: (_ctx, subject) => describeAccount(subject),
    loadExistingGrant: async ctx => {
      const { account, params } = ctx.oidc
      const grant = new provider.Grant({ accountId: account?.accountId ?? '', clientId: ctx.oidc.client?.clientId ?? '' })
      grant.addOIDCScope(typeof params?.scope === 'string' ? params.scope : 'openid')
      await grant.save()
      return grant
    },
    interactions: { url: (_ctx, interaction) => `/signin/${interaction.uid}` },
    ttl: { AccessToken: 3600, AuthorizationCode: 60, Grant: 86400, IdToken: 3600, Interaction: 3600, Session: 8 * 3600 },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: false } },
    renderError: (ctx, out) => {
      ctx.type = 'text/html'
      ctx.body = renderPage(
        '400 · stand-in for Okta',
        `<h1>400 Bad Request</h1><p>${escapeHtml(explainError(out.error))}</p><p class="quiet">${escapeHtml(out.error)}</p>`
      )
    }
  })
  provider.silent = true
  provider.on('server_error', (_ctx, error) => { log(`identity provider: ${error.stack ?? error.message}`) })
  return provider
}

function explainError (error: string): string {
  if (error !== 'invalid_redirect_uri') return 'The identity provider refused the request.'
  return 'The redirect_uri of the tenant is not registered with the identity provider. ' +
    "It must name the tenant's original hostname, not its alias."
}

function describeClient (clientId: string, client: OktaClient) {
  if (clientId !== client.clientId) return undefined
  return {
    client_id: client.clientId,
    client_secret: client.clientSecret,
    redirect_uris: [client.redirectUri],
    grant_types: ['authorization_code'],
    response_types: ['code' as const],
    token_endpoint_auth_method: 'client_secret_basic' as const
  }
}

function describeAccount (subject: string) {
  const identity = findIdentity(subject)
  if (!identity) return undefined
  const { name, email, locale, groups } = identity
  return {
    accountId: subject,
    claims: () => ({ sub: subject, name, locale, preferred_username: email, email, email_verified: true, groups })
  }
}
