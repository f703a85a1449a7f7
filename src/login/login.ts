import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'
import * as oauth from 'oauth4webapi'
import { GatewayError, type ErrorCode } from '../errors.js'
import { atMost } from '../lru.js'
import { cookieBytes } from '../session/cookies.js'
import type { EndedSessions } from '../session/ended.js'
import { startSession, type Session, type TokenSet } from '../session/session.js'
import type { Signals } from '../signals.js'
import type { TokenFailure } from '../credentials/token-failure.js'
import type { TenantOAuth } from '../credentials/authorization-code/oauth.js'
import { isChallenge, type HandoverRequest, type Handovers } from './handover.js'
import { handoverHeaders, renderHandover } from './handover-page.js'
import type { Logins } from './logins.js'
import { isLate, judgeLostCookie, noteStart } from './lost-cookie.js'
import { judgeReturnAddress, type ReturnRules } from './return-address.js'
import type { Revocation } from '../credentials/authorization-code/revocation.js'

export interface LoginOptions {
  tenant: TenantOAuth
  logins: Logins
  handovers: Handovers
  beginSession: BeginSession
  revoke: Revocation['revoke']
  returnRules: ReturnRules
  now: () => number
  signals: Signals
}

/** Gives the browser a session. Whatever session it had, planted or its own, ends: its refresh token would count against the user's limit. */
export type BeginSession = (request: FastifyRequest, session: Session) => void

export function createBeginSession (ended: EndedSessions, revoke: Revocation['revoke']): BeginSession {
  return (request, session) => {
    const previous = request.qlikSession.peek()
    demandRoom(request, session, revoke)
    request.qlikSession.replace(session)
    if (previous === undefined) return
    ended.end(previous.id)
    revoke(previous.tokens, request.log)
  }
}

/** Raises GW-SESSION-TOO-LARGE, and gives the tokens back that nobody can use. */
function demandRoom (request: FastifyRequest, session: Session, revoke: Revocation['revoke']): void {
  try {
    request.qlikSession.demandRoom(session)
  } catch (error) {
    revoke(session.tokens, request.log)
    throw error
  }
}

const longestRetryAfterSeconds = 60

/** GET /login and GET /login/callback: the authorization code flow with PKCE, state and the client's secret. */
export const loginRoutes: FastifyPluginAsync<LoginOptions> = async (app, { tenant, logins, handovers, beginSession, revoke, returnRules, now, signals }) => {
  // A callback that is loaded twice at once brings its state twice: a second exchange of a code revokes what the first one got (RFC 6749, section 4.1.2).
  const usedStates = new LRUCache<string, true>(atMost(10_000))

  app.get('/login', async (request, reply) => {
    const { returnto, handover, popup } = request.query as Record<string, unknown>
    const wanted = readHandover(handover, popup)
    const { url, state, codeVerifier } = await tenant.authorize(noteStart(request.headers, now()))
    const login = { state, codeVerifier, returnTo: judgeReturnAddress(returnto, returnRules), startedAt: now(), ...(wanted === undefined ? {} : { handover: wanted }) }
    keep(reply, logins.write([login, ...logins.read(request.headers.cookie) ?? []]))
    signals.emit('login', 'started')
    return reply.redirect(url.href, 302)
  })

  app.get('/login/callback', async (request, reply) => {
    const { search } = new URL(request.raw.url as string, 'http://localhost')
    const parameters = new URLSearchParams(search)
    const underWay = logins.read(request.headers.cookie)
    const state = parameters.get('state')
    if (underWay === undefined) {
      const code = judgeLostCookie(state, request.headers, logins.arrived(request.headers.cookie), now())
      request.log.warn({ code }, 'a login came back without its cookie')
      throw new GatewayError(code)
    }
    const login = underWay.find(login => login.state === state)
    if (login === undefined || usedStates.has(login.state)) throw new GatewayError(login === undefined && isLate(state, now()) ? 'GW-LOGIN-LATE' : 'GW-LOGIN-STATE')
    usedStates.set(login.state, true)
    keep(reply, logins.write(underWay.filter(other => other !== login)))
    const judged = judge(request, parameters, login.state)
    const tokens = await exchange(request, judged, login.codeVerifier)
    const session = startSession(tokens, now())
    if (login.handover !== undefined) {
      // Before the window says that all went well: the page that takes the code over could not keep the session.
      demandRoom(request, session, revoke)
      const code = handovers.issue(session, login.handover.challenge, new URL(login.returnTo).origin)
      signals.emit('login', 'completed')
      return reply.headers(handoverHeaders).send(renderHandover(login.handover, code, login.returnTo))
    }
    beginSession(request, session)
    signals.emit('login', 'completed')
    return reply.redirect(login.returnTo, 303)
  })

  function keep (reply: FastifyReply, cookieLines: string[]): void {
    const bytes = cookieBytes(cookieLines)
    if (bytes > 0) signals.emit('cookieSet', 'login', bytes)
    reply.header('set-cookie', cookieLines).header('cache-control', 'no-store')
  }

  function judge (request: FastifyRequest, parameters: URLSearchParams, state: string): URLSearchParams {
    const issuers = parameters.getAll('iss')
    if (issuers.length === 1 && issuers[0] !== tenant.issuer) throw new GatewayError('GW-LOGIN-ISSUER')
    try {
      const judged = tenant.judgeCallback(parameters, state)
      if (parameters.getAll('code').length === 1) return judged
    } catch (error) {
      if (error instanceof oauth.AuthorizationResponseError) {
        request.log.info({ error: plain(error.error), errorCode: plain(parameters.get('error_code')) }, 'the tenant ended the login')
        throw new GatewayError(error.error === 'access_denied' ? 'GW-LOGIN-DENIED' : 'GW-LOGIN-REFUSED')
      }
    }
    throw new GatewayError('GW-LOGIN-PARAMETERS')
  }

  async function exchange (request: FastifyRequest, judged: URLSearchParams, codeVerifier: string): Promise<TokenSet> {
    try {
      return await tenant.exchange(judged, codeVerifier)
    } catch (error) {
      const failure = error as TokenFailure
      request.log.warn({ failure: failure.message, cause: (failure.cause as Error | undefined)?.message }, 'the code was not exchanged')
      throw new GatewayError(codeOf[failure.kind], {
        cause: failure,
        ...(failure.kind === 'unavailable' ? { retryAfterSeconds: Math.min(failure.retryAfterSeconds ?? 5, longestRetryAfterSeconds) } : {})
      })
    }
  }
}

const codeOf: Record<TokenFailure['kind'], ErrorCode> = {
  refused: 'GW-LOGIN-EXCHANGE',
  limited: 'GW-TOO-MANY-TOKENS',
  unavailable: 'GW-TENANT-BUSY'
}

/** What `handover` and `popup` in the query of /login ask for. Raises GW-HANDOVER for what is no challenge. */
function readHandover (challenge: unknown, popup: unknown): HandoverRequest | undefined {
  if (challenge === undefined) return undefined
  if (!isChallenge(challenge)) throw new GatewayError('GW-HANDOVER')
  return { challenge, popup: popup !== undefined }
}

/** A code from the query may go to the log as a word, never as free text. */
function plain (code: string | null): string | undefined {
  return code !== null && /^[\w-]{1,40}$/.test(code) ? code : undefined
}
