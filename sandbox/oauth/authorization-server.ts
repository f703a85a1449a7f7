import { randomBytes } from 'node:crypto'
import type { Configuration, KoaContextWithOIDC, JWTStructured, ResourceServer } from 'oidc-provider'
import { exportJWK, type CryptoKey, type KeyObject } from 'jose'
import { createKeyPair } from '../key-pair.js'
import type { Names } from '../front/names.js'
import type { Settings } from '../settings.js'
import type { ClientRegistry } from './clients.js'
import type { TokenLedger } from './ledger.js'
import type { UserDirectory } from './users.js'
import { MemoryStore } from './memory-adapter.js'
import { Provider, errors, interactionPolicy, type ProviderInstance } from './provider-module.js'
import { describeTokenError } from './token-errors.js'
import { shapeAuthorization, shapeMetadata } from './authorization-shape.js'

/** The audience of access tokens for the API. */
export const audience = 'qlik.api'
// oidc-provider accepts only absolute URIs as resource indicators. The audience claim is set separately.
const resource = 'https://qlik.api'
const tenantId = 'sandbox-tenant'
const refreshTokenSeconds = 30 * 86400

/** The parts that an authorization server uses. */
export interface AuthorizationOptions {
  names: Names
  clients: ClientRegistry
  users: UserDirectory
  ledger: TokenLedger
  settings: () => Settings
  log: (line: string) => void
}

/** The tenant's authorization server. */
export interface AuthorizationServer {
  provider: ProviderInstance
  /** The key that verifies access tokens. */
  publicKey: CryptoKey | KeyObject
  endGrant: (grantId: string) => void
  /** Records a user's consent to a client's request. Returns the id of the new grant. */
  grantConsent (userId: string, clientId: string, scope: string): Promise<string>
  /** Issues an access token without a login, under a grant of its own. */
  issueAccessToken (userId: string, clientId: string, scope: string): Promise<string>
}

/** Configures oidc-provider to behave like Qlik Cloud's authorization server. */
export async function createAuthorizationServer (options: AuthorizationOptions): Promise<AuthorizationServer> {
  const { names, clients, users, ledger, settings, log } = options
  const { privateKey, publicKey } = createKeyPair('P-384')
  const jwk = { ...await exportJWK(privateKey), kid: randomBytes(16).toString('hex'), alg: 'ES384', use: 'sig' }
  const store = new MemoryStore(clientId => clients.metadata(clientId))

  const grantConsent = async (userId: string, clientId: string, scope: string): Promise<string> => {
    const grant = new provider.Grant({ accountId: userId, clientId })
    grant.addResourceScope(resource, scope)
    grant.addOIDCScope(scope)
    return await grant.save()
  }
  const issueAccessToken = async (userId: string, clientId: string, scope: string): Promise<string> => {
    const client = await provider.Client.find(clientId)
    if (client === undefined) throw new Error(`No OAuth client "${clientId}" is registered.`)
    const resourceServer = new provider.ResourceServer(resource, describeResource(clients.require(clientId).scopes))
    const grantId = await grantConsent(userId, clientId, scope)
    const token = new provider.AccessToken({ accountId: userId, client, grantId, gty: 'impersonation', scope, resourceServer })
    return await token.save()
  }
  const endGrant = (grantId: string): void => {
    for (const model of ['AuthorizationCode', 'RefreshToken']) store.revoke(model, grantId)
    store.delete('Grant', grantId)
    ledger.endGrant(grantId)
  }

  const provider = new Provider(names.origin, {
    adapter: model => store.adapter(model),
    jwks: { keys: [jwk] },
    routes: { authorization: '/oauth/authorize', token: '/oauth/token', revocation: '/oauth/revoke', jwks: '/.well-known/jwks.json' },
    cookies: {
      // Cookies do not depend on ports: tenant, identity provider and gateway share those of one host name.
      names: { session: 'sandbox-tenant', interaction: 'sandbox-tenant-login', resume: 'sandbox-tenant-resume' },
      keys: [randomBytes(32).toString('hex')]
    },
    clientDefaults: { id_token_signed_response_alg: 'ES384' },
    enabledJWA: { idTokenSigningAlgValues: ['ES384'] },
    scopes: ['offline_access'],
    pkce: { required: () => true },
    rotateRefreshToken: () => settings().rotateRefreshTokens,
    // Tokens outlive the browser's session at the tenant, so /logout revokes no tokens of applications.
    expiresWithSession: () => false,
    revokeGrantPolicy: () => true,
    clientBasedCORS: () => true,
    findAccount: (_ctx, id) => users.get(id) && { accountId: id, claims: () => ({ sub: id }) },
    loadExistingGrant: async ctx => await loadGrant(ctx, clients, grantConsent),
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}`, policy: createPolicy(clients) },
    ttl: {
      AccessToken: () => settings().accessTokenSeconds,
      AuthorizationCode: 60,
      Grant: 365 * 86400,
      Interaction: 3600,
      RefreshToken: refreshTokenSeconds,
      Session: 8 * 3600
    },
    formats: {
      bitsOfOpaqueRandomness: (_ctx, model) => model.kind === 'RefreshToken' ? settings().refreshTokenBytes * 6 : 256,
      customizers: { jwt: (_ctx, _token, parts) => { padToken(parts, settings().accessTokenBytes) } }
    },
    extraTokenClaims: (_ctx, token) => ({
      subType: 'user',
      tenantId,
      userId: 'accountId' in token ? token.accountId : undefined,
      azp: token.clientId,
      amr: ['oauth'],
      jwtOrigin: names.origin
    }),
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resource,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, _resource, client) => {
          const allowed = clients.require(client.clientId).scopes
          refuseScopes(ctx, allowed)
          return describeResource(allowed)
        }
      }
    },
    renderError: (ctx, out, error) => {
      const { body } = describeTokenError(ctx.status, out.error, out.error_description, error)
      ctx.type = 'application/json'
      ctx.body = body
    }
  } satisfies Configuration)

  provider.proxy = true
  provider.silent = true
  provider.use(shapeAuthorization(clients, settings))
  provider.use(shapeMetadata)
  provider.on('server_error', (_ctx, error) => { log(`authorization server: ${error.stack ?? error.message}`) })
  recordTokens(provider, ledger)
  return { provider, publicKey, endGrant, grantConsent, issueAccessToken }
}

function describeResource (scopes: string[]): ResourceServer {
  return { audience, scope: scopes.join(' '), accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES384' } } }
}

function createPolicy (clients: ClientRegistry): ReturnType<typeof interactionPolicy.base> {
  const policy = interactionPolicy.base()
  const consent = policy.get('consent')
  // oidc-provider refuses offline_access without prompt=consent, so the sandbox adds that parameter to every request.
  // Whether the user really sees a consent page depends on the client.
  consent?.checks.remove('consent_prompt')
  const isAsked = ({ oidc }: KoaContextWithOIDC) =>
    clients.require(oidc.client?.clientId ?? '').consent === 'required' && !oidc.result?.consent
  consent?.checks.add(new interactionPolicy.Check('consent_prompt', "the client needs the user's consent", 'consent_required', isAsked), 0)
  return policy
}

// Each login gets its own grant, so that the end of one session does not end another in the same browser.
async function loadGrant (ctx: KoaContextWithOIDC, clients: ClientRegistry, grantConsent: AuthorizationServer['grantConsent']) {
  const { oidc } = ctx
  const given = oidc.result?.consent?.grantId
  if (given) return await oidc.provider.Grant.find(given)
  const { client, account } = oidc
  if (!client || !account || clients.require(client.clientId).consent === 'required') return undefined
  const scope = typeof oidc.params?.scope === 'string' ? oidc.params.scope : ''
  return await oidc.provider.Grant.find(await grantConsent(account.accountId, client.clientId, scope))
}

function refuseScopes (ctx: KoaContextWithOIDC, allowed: string[]): void {
  const asked = typeof ctx.oidc.params?.scope === 'string' ? ctx.oidc.params.scope.split(' ') : []
  const foreign = asked.filter(scope => !allowed.includes(scope))
  if (foreign.length > 0) throw new errors.InvalidScope('requested scope is not allowed', foreign.join(' '))
}

// base64url of header and payload, two dots, and the 96 bytes of an ES384 signature.
function padToken (parts: JWTStructured, bytes: number): void {
  const encoded = (value: unknown): number => Math.ceil(Buffer.byteLength(JSON.stringify(value)) * 4 / 3)
  const size = encoded({ alg: 'ES384', typ: 'at+jwt', kid: '0'.repeat(32) }) + encoded(parts.payload) + 2 + 128
  const missing = Math.ceil((bytes - size) * 3 / 4)
  if (missing > 0) parts.payload.padding = '0'.repeat(missing)
}

function recordTokens (provider: ProviderInstance, ledger: TokenLedger): void {
  provider.on('access_token.issued', token => {
    ledger.addAccessToken(token.jti, {
      grantId: token.grantId ?? '',
      userId: token.accountId,
      clientId: token.clientId ?? '',
      endsAt: Date.now() + token.expiration * 1000
    })
  })
  provider.on('refresh_token.saved', token => {
    if (!token.consumed) {
      ledger.addRefreshToken(token.jti, {
        grantId: token.grantId ?? '',
        userId: token.accountId ?? '',
        expiresAt: Date.now() + refreshTokenSeconds * 1000
      })
    }
  })
  provider.on('refresh_token.consumed', token => { ledger.useRefreshToken(token.jti) })
  provider.on('grant.revoked', (_ctx, grantId) => { ledger.endGrant(grantId) })
}
