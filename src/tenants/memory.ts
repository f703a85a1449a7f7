import type { FastifyBaseLogger } from 'fastify'
import { CodeCredentials } from '../credentials/authorization-code/credentials.js'
import type { TenantOAuth } from '../credentials/authorization-code/oauth.js'
import type { UserStore } from '../credentials/impersonation/user-store.js'
import { UserTokens, type UserCalls } from '../credentials/impersonation/user-tokens.js'
import { Refresher } from '../credentials/refresh.js'
import { createRevocation } from '../credentials/revocation.js'
import type { GatewayConfig } from '../settings/gateway-schema.js'
import type { TakeOnce } from '../replicas/once.js'
import type { Redis } from '../replicas/redis.js'
import { createStores, type Stores } from '../replicas/stores.js'
import { tenantRedis } from '../replicas/tenant-redis.js'
import { createEndedSessions } from '../session/ended.js'
import { createKeys, type Keys } from '../session/keys.js'
import type { SessionLimits } from '../session/record.js'
import { createRenewedSessions } from '../session/renewed.js'
import { createUsedSessions, type UsedSessions } from '../session/used.js'
import type { Signals } from '../signals.js'

/**
 * What the gateway remembers about the sessions of one tenant. It survives a change of the tenant's settings, as the
 * cookies in the browsers do.
 */
export interface TenantMemory extends Omit<Stores, 'users'> {
  readonly scope: string
  readonly keys: Keys
  readonly used: UsedSessions
  readonly limits: SessionLimits
  /** Returns the credentials of the tenant's sessions, which make their token calls through this client from now on. */
  useOAuth (oauth: TenantOAuth): CodeCredentials
  /**
   * Returns the users whom the host application names, with their tokens, which are requested through these calls from
   * now on.
   */
  useUsers: (calls: UserCalls) => { store: UserStore, tokens: UserTokens }
}

export interface MemoryOptions {
  scope: string
  options: GatewayConfig
  /** The Redis connection of the gateway. */
  redis: Redis | undefined
  log: FastifyBaseLogger
  signals: Signals
}

export function createMemory ({ scope, options, redis, log, signals }: MemoryOptions): TenantMemory {
  const { sessionKeys, sessionIdleSeconds, sessionMaxSeconds, name, now } = options
  const limits = { idleMs: sessionIdleSeconds * 1000, maxMs: sessionMaxSeconds * 1000 }
  const keys = createKeys(sessionKeys, scope, signals)
  const used = createUsedSessions(limits.idleMs, now)
  const own = redis === undefined ? undefined : tenantRedis(redis, name)
  const stores = createStores({
    redis: own,
    seal: keys.seal,
    ended: createEndedSessions(limits.maxMs),
    renewed: createRenewedSessions(limits.maxMs),
    used,
    limits,
    now
  })
  // What has been used once stays used, even if the settings change.
  const taken = new Map<string, TakeOnce>()
  let oauth: TenantOAuth
  const refresher = new Refresher({
    refresh: async tokens => await oauth.refresh(tokens),
    now,
    signals,
    grants: stores.grants,
    discard: grant => { revocation.revoke(grant, log) }
  })
  const revocation = createRevocation({ tenant: { revoke: async token => { await oauth.revoke(token) } }, refresher, signals })
  let calls: UserCalls
  let users: ReturnType<TenantMemory['useUsers']> | undefined
  const rememberUsers = () => {
    const store = stores.users(scope)
    const tokens = new UserTokens({
      grantForUser: async user => await calls.grantForUser(user), discard: tokens => { calls.discard(tokens) }, store, now, signals
    })
    return { store, tokens }
  }
  const credentials = new CodeCredentials({ refresher, revocation, ended: stores.ended, renewed: stores.renewed, now, signals })
  return {
    ...stores,
    once (kind, keepMs) {
      const take = taken.get(kind) ?? stores.once(kind, keepMs)
      taken.set(kind, take)
      return take
    },
    scope,
    keys,
    used,
    limits,
    useOAuth (next) {
      oauth = next
      return credentials
    },
    useUsers (next) {
      calls = next
      users ??= rememberUsers()
      return users
    },
    close () {
      credentials.close()
      stores.close()
    }
  }
}
