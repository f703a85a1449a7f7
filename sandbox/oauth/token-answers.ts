import type { Context } from 'koa'
import type { KoaContextWithOIDC } from 'oidc-provider'
import type { Settings } from '../settings.js'
import { noteSecrets } from '../secrets.js'
import type { TokenLedger } from './ledger.js'
import { describeTokenError } from './token-errors.js'

/** A token response, before its expiry is added in the configured form. */
export interface TokenAnswer { access_token: string, token_type: string, scope: string, expires_in: number, refresh_token?: string }

type ProviderAnswer = Partial<TokenAnswer> & { error?: string, error_description?: string }

/** Adds the expiry of the access token in the configured form. */
export function tellExpiry<Answer extends { expires_in?: number }> (
  { expires_in: expiresIn = 0, ...answer }: Answer,
  { expiryStyle }: Settings
): object {
  return {
    ...answer,
    ...(expiryStyle === 'both' || expiryStyle === 'expires_in' ? { expires_in: expiresIn } : {}),
    ...(expiryStyle === 'both' || expiryStyle === 'expires_at' ? { expires_at: new Date(Date.now() + expiresIn * 1000).toISOString() } : {})
  }
}

/** Converts oidc-provider's token response to a tenant's, and counts the grant. */
export function shapeTokenAnswer (ctx: Context, ledger: TokenLedger, settings: Settings): void {
  const answer = ctx.body as ProviderAnswer
  if (answer.error !== undefined) {
    shapeError(ctx, ledger)
    return
  }
  noteSecrets(answer)
  const { params } = (ctx as unknown as KoaContextWithOIDC).oidc
  ledger.counts[params?.grant_type === 'refresh_token' ? 'refresh_token' : 'authorization_code']++
  ctx.body = tellExpiry(answer, settings)
}

/** Does the same for the revocation endpoint, whose successful response has no body. */
export function shapeRevocationAnswer (ctx: Context, ledger: TokenLedger): void {
  if (ctx.status === 200) ledger.counts.revoke++
  else shapeError(ctx, ledger)
}

function shapeError (ctx: Context, ledger: TokenLedger): void {
  const { error = 'server_error', error_description: description } = ctx.body as ProviderAnswer
  const cause: unknown = ctx.state.tokenError
  const { status, body } = describeTokenError(ctx.status, error, description, cause)
  ledger.counts.refused++
  ctx.status = status
  ctx.body = body
}
