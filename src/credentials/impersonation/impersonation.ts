import { createHash } from 'node:crypto'
import type { FastifyBaseLogger } from 'fastify'
import type { JWTVerifyGetKey } from 'jose'
import { GatewayError } from '../../errors.js'
import { followFile } from '../../settings/follow-file.js'
import type { GatewayConfig } from '../../settings/gateway-schema.js'
import type { EndedSessions } from '../../session/ended.js'
import type { SessionLimits, UserGrant } from '../../session/record.js'
import { createRevocation } from '../revocation.js'
import type { TenantOAuth } from '../authorization-code/oauth.js'
import { ClientAuthentication } from '../client-authentication.js'
import { credentialOf, followClientFile } from '../client-file.js'
import { TokenEndpoint } from '../token-endpoint.js'
import type { TokenFailure } from '../token-failure.js'
import { administrationOf, createAdministrator } from './administrator.js'
import { ImpersonationCredentials } from './credentials.js'
import { hashStatement, type HostUser } from './host-user.js'
import { identifyByHeader, identifyByHost, take, type IdentifyRequest } from './identify.js'
import { Provisioning } from './provisioning.js'
import { localKeys, readPublicKeys, remoteKeys } from './statement-keys.js'
import { createVerifyStatement, type VerifyStatement } from './statements.js'
import { createGrantForUser } from './user-grant.js'
import type { UserStore } from './user-store.js'
import type { UserCalls, UserTokens } from './user-tokens.js'

/** The users whom the host application names. */
export interface Impersonation {
  /** Says who the user of a request is; undefined if pages post statements instead. */
  readonly identify: IdentifyRequest | undefined
  /** The user of a statement that a page posts. Each is accepted once. Raises GW-STATEMENT and GW-IDENTITY-KEYS. */
  takeStatement (jwt: unknown, log: FastifyBaseLogger): Promise<HostUser>
  /** The grant of a session of this user. */
  grantOf (user: HostUser): UserGrant
  /** Creates the user and their groups at the tenant, if that is configured. Raises GW-PROVISIONING and GW-CLIENT-REFUSED. */
  provision (user: HostUser, log: FastifyBaseLogger): Promise<void>
}

export interface ImpersonationParts {
  options: GatewayConfig
  authentication: ClientAuthentication
  oauth: Pick<TenantOAuth, 'revoke'>
  /** The users of the tenant and their tokens, which outlive a change of its settings: calls are made in this way from now on. */
  useUsers: (calls: UserCalls) => { store: UserStore, tokens: UserTokens }
  ended: EndedSessions
  limits: SessionLimits
  once: (kind: string, keepMs: number) => (id: string) => Promise<boolean>
  fetch: typeof fetch
  log: FastifyBaseLogger
}

// Longer than a statement can be valid, with the tolerated clock skew.
const statementMs = 480_000
const longestRetrySeconds = 60

/** Makes the credentials of a tenant whose users the host application names. */
export function createImpersonation (parts: ImpersonationParts): { credentials: ImpersonationCredentials, impersonation: Impersonation } {
  const { options, oauth, ended, limits, fetch, log } = parts
  const { signals, now, tenantUrl } = options
  const endpoint = new TokenEndpoint({ tenantUrl, fetch, now, signals })
  const revocation = createRevocation({
    tenant: { revoke: async token => { await oauth.revoke(token, 'access_token') } },
    refresher: { currentRefreshToken: async ({ accessToken }) => accessToken },
    signals
  })
  const { store, tokens } = parts.useUsers({
    grantForUser: createGrantForUser({ ...options, authentication: parts.authentication, endpoint, lookup: options.identityLookup }),
    discard: grant => { revocation.revoke(grant, log) }
  })
  const provisioning = createProvisioning(parts, endpoint)
  const statements = createStatements(parts)
  const takeOnce = parts.once('statement', statementMs)

  const impersonation: Impersonation = {
    identify: createIdentify(options, statements.verify),
    async takeStatement (jwt, log) {
      const { user, id } = await take(statements.verify, jwt, log)
      if (id !== undefined && await takeOnce(createHash('sha256').update(id).digest('base64url'))) return user
      log.warn({ reason: id === undefined ? 'without jti' : 'used before' }, 'a statement of the user is refused')
      throw new GatewayError('GW-STATEMENT')
    },
    grantOf: user => ({ user: user.subject, statement: hashStatement(user) }),
    async provision (user, log) {
      try {
        const done = await provisioning.work?.provision(user) ?? 'before'
        if (done === 'before') return
        tokens.retry(user.subject)
        if (done === 'changed') signals.emit('provisioned', user.subject, log)
      } catch (error) {
        const { kind, message, retryAfterSeconds = 1 } = error as TokenFailure
        log.error({ failure: message }, 'the user could not be set up at the tenant')
        throw new GatewayError(kind === 'client' ? 'GW-CLIENT-REFUSED' : 'GW-PROVISIONING', {
          cause: error, retryAfterSeconds: Math.min(longestRetrySeconds, Math.max(1, retryAfterSeconds))
        })
      }
    }
  }
  const credentials = new ImpersonationCredentials({
    tokens,
    store,
    ended,
    limits,
    now,
    signals,
    onRefused: user => { provisioning.work?.forget(user) },
    close () {
      statements.close()
      provisioning.close()
      revocation.close()
    }
  })
  return { credentials, impersonation }
}

function createIdentify (options: GatewayConfig, verify: VerifyStatement): IdentifyRequest | undefined {
  const { identify, identityJwtHeader: header, identityProxies = [], now } = options
  if (identify !== undefined) return identifyByHost(identify)
  return header === undefined ? undefined : identifyByHeader(header, identityProxies, verify, now)
}

function firstKeys ({ identityJwksUrl, identityKeys }: GatewayConfig, fetch: ImpersonationParts['fetch']): JWTVerifyGetKey {
  if (identityJwksUrl !== undefined) return remoteKeys(identityJwksUrl, fetch)
  return localKeys(identityKeys === undefined ? { keys: [] } : readPublicKeys(identityKeys))
}

/** Verifies statements with keys that are read again when their file changes. */
function createStatements ({ options, fetch, log }: ImpersonationParts): { verify: VerifyStatement, close: () => void } {
  const { identityJwtIssuer: issuer, identityJwtAudience, identityKeysFile: file, publicUrl, signals, now } = options
  let getKey = firstKeys(options, fetch)
  const verify = createVerifyStatement({
    issuer: issuer ?? '',
    audience: identityJwtAudience ?? publicUrl.href.replace(/\/$/, ''),
    getKey: async (header, token) => await getKey(header, token),
    subjectClaim: options.identitySubjectClaim,
    groupsClaim: options.identityGroupsClaim,
    now
  })
  const close = file === undefined
    ? () => {}
    : followFile({
      file,
      take (content, first) {
        getKey = localKeys(readPublicKeys(content))
        if (!first) log.info({ file }, 'the keys of statements were replaced')
      },
      refuse (failure) { log.error({ file, failure }, 'the keys of statements are refused: those before stay in use') },
      signals
    })
  return { verify, close }
}

function createProvisioning (
  { options, fetch, log }: ImpersonationParts, endpoint: TokenEndpoint
): { work: Provisioning | undefined, close: () => void } {
  const { provisionUsers, adminClientId: clientId, tenantUrl, now, signals } = options
  if (!provisionUsers || clientId === undefined) return { work: undefined, close () {} }
  const administration = administrationOf(options)
  const authentication = new ClientAuthentication(credentialOf(administration), new URL('/oauth/token', tenantUrl).href)
  const administrator = createAdministrator({ tenantUrl, clientId, authentication, endpoint, fetch, now })
  return { work: new Provisioning(administrator, now), close: followClientFile(administration, authentication, log, signals) }
}
