import type { Context } from 'koa'
import type { KoaContextWithOIDC } from 'oidc-provider'
import type { Settings } from '../controls.js'
import { noteSecrets } from '../secrets.js'
import type { TokenLedger } from './ledger.js'
import { describeTokenError } from './token-errors.js'

interface TokenAnswer { access_token?: string, refresh_token?: string, error?: string, error_description?: string, expires_in?: number, [field: string]: unknown }

/** Turns oidc-provider's answer of the token endpoint into a tenant's, and counts the grant. */
export function shapeTokenAnswer (ctx: Context, ledger: TokenLedger, { expiryStyle }: Settings): void {
  const { error, expires_in: expiresIn = 0, ...answer } = ctx.body as TokenAnswer
  if (error !== undefined) {
    shapeError(ctx, ledger)
    return
  }
  noteSecrets(answer)
  const { params } = (ctx as unknown as KoaContextWithOIDC).oidc
  ledger.counts[params?.grant_type === 'refresh_token' ? 'refresh_token' : 'authorization_code']++
  ctx.body = {
    ...answer,
    ...(expiryStyle === 'both' || expiryStyle === 'expires_in' ? { expires_in: expiresIn } : {}),
    ...(expiryStyle === 'both' || expiryStyle === 'expires_at' ? { expires_at: new Date(Date.now() + expiresIn * 1000).toISOString() } : {})
  }
}

/** The same for the revocation endpoint, whose good answer has no body. */
export function shapeRevocationAnswer (ctx: Context, ledger: TokenLedger): void {
  if (ctx.status === 200) ledger.counts.revoke++
  else shapeError(ctx, ledger)
}

function shapeError (ctx: Context, ledger: TokenLedger): void {
  const { error = 'server_error', error_description: description } = ctx.body as TokenAnswer
  const cause: unknown = ctx.state.tokenError
  const { status, body } = describeTokenError(ctx.status, error, description, cause)
  ledger.counts.refused++
  ctx.status = status
  ctx.body = body
}
