import type { FastifyBaseLogger } from 'fastify'
import type { TokenSet } from '../session/session.js'
import type { TenantOAuth } from '../tokens/tenant.js'

/** Revokes what a login left at the tenant, in the background: nobody waits for it, and a failure is logged without the token. */
export type Revoke = (tokens: TokenSet, log: FastifyBaseLogger) => void

/** Tenants cap the tokens of a user, so every one that is left behind is given back. */
export function createRevoke (tenant: TenantOAuth): Revoke {
  return ({ refreshToken }, log) => {
    if (refreshToken === undefined) return
    tenant.revoke(refreshToken).catch((error: unknown) => {
      log.warn({ failure: (error as Error).message }, 'the refresh token could not be revoked at the tenant')
    })
  }
}
