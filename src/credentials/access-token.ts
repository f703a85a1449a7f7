import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { GatewayError } from '../errors.js'
import type { EndedSessions } from '../session/ended.js'
import type { Session, TokenSet } from '../session/session.js'
import type { TokenFailure } from './token-failure.js'
import type { Refresher } from './authorization-code/refresh.js'

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * An access token that the tenant should accept, renewed if it is due; counts as use of the session unless told not to. A promise only
     * where it has to be renewed. Raises GW-NO-SESSION, GW-TOO-MANY-TOKENS, GW-TENANT-BUSY, and GW-SESSION-TOO-LARGE when the cookies cannot hold the new tokens.
     */
    accessToken (options?: { use: boolean }): string | Promise<string>
    /** Another token than the one the tenant has just refused; undefined when that one is younger than a minute. Raises the same errors. */
    replaceAccessToken (refused: string): Promise<string | undefined>
  }
}

export interface AccessTokenOptions {
  refresher: Pick<Refresher, 'serves' | 'renew'>
  ended: EndedSessions
  /** Takes tokens that came for a session which has ended. */
  discard: (tokens: TokenSet, log: FastifyBaseLogger) => void
  now: () => number
}

const youngMs = 60_000

/** Lets every request ask for the access token of its session. */
export const accessTokenPlugin = fp<AccessTokenOptions>(async (app, { refresher, ended, discard, now }) => {
  app.decorateRequest('accessToken', function ({ use } = { use: true }) {
    const session = use ? this.qlikSession.use() : this.qlikSession.peek()
    if (session === undefined) throw new GatewayError('GW-NO-SESSION')
    return refresher.serves(session.tokens) ? session.tokens.accessToken : renewed(this, session)
  })

  app.decorateRequest('replaceAccessToken', async function (refused) {
    const session = this.qlikSession.use()
    // A token that is refused right after it was granted will not be better the next time.
    if (session === undefined || now() - session.tokens.grantedAt < youngMs) return undefined
    return await renewed(this, session, refused)
  })

  async function renewed (request: FastifyRequest, session: Session, refused?: string): Promise<string> {
    const tokens = await renew(request, session, refused)
    if (tokens !== session.tokens) {
      // Signed out meanwhile, maybe at a replica that knew nothing of the grant: these tokens are known here alone.
      if (ended.has(session.id)) {
        discard(tokens, request.log)
        throw new GatewayError('GW-NO-SESSION')
      }
      request.qlikSession.replace({ ...session, tokens })
    }
    return tokens.accessToken
  }

  async function renew (request: FastifyRequest, session: Session, refused?: string): Promise<TokenSet> {
    try {
      return await refresher.renew(session.tokens, refused)
    } catch (error) {
      throw answerTo(error as TokenFailure, () => {
        request.log.info({ failure: (error as Error).message }, 'the session has ended: its tokens were refused')
        ended.end(session.id)
        request.qlikSession.drop()
      })
    }
  }
}, { name: 'access-token', fastify: '5.x', decorators: { request: ['qlikSession'] }, dependencies: ['session'] })

function answerTo (failure: TokenFailure, endSession: () => void): GatewayError {
  const retry = { cause: failure, retryAfterSeconds: failure.retryAfterSeconds ?? 1 }
  switch (failure.kind) {
    case 'refused':
      endSession()
      return new GatewayError('GW-NO-SESSION', { cause: failure })
    case 'limited':
      return new GatewayError('GW-TOO-MANY-TOKENS', retry)
    case 'unavailable':
      return new GatewayError('GW-TENANT-BUSY', retry)
  }
}
