import type { FastifyBaseLogger } from 'fastify'
import type { TokenSet } from '../session/session.js'
import type { Refresher } from '../tokens/refresh.js'
import type { TenantOAuth } from '../tokens/tenant.js'

/** Revokes what a login left at the tenant, in the background: nobody waits for it, and a failure is logged without the token. */
export type Revoke = (tokens: TokenSet, log: FastifyBaseLogger) => void

/** Tenants cap the tokens of a user, so every one that is left behind is given back; an older cookie gives back what followed from it. */
export function createRevoke (tenant: TenantOAuth, refresher: Refresher): Revoke {
  async function revoke (tokens: TokenSet): Promise<void> {
    const refreshToken = await refresher.settle(tokens)
    if (refreshToken !== undefined) await tenant.revoke(refreshToken)
  }

  return (tokens, log) => {
    revoke(tokens).catch((error: unknown) => {
      log.warn({ failure: (error as Error).message }, 'the refresh token could not be revoked at the tenant')
    })
  }
}
