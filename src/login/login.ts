import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'
import * as oauth from 'oauth4webapi'
import { GatewayError, type ErrorCode } from '../errors.js'
import { atMost } from '../lru.js'
import { cookieBytes } from '../session/cookies.js'
import { startSession, type TokenSet } from '../session/record.js'
import type { Signals } from '../signals.js'
import type { Tenant } from '../tenants/tenant.js'
import { beginSession, requireRoom } from './begin-session.js'
import type { TokenFailure } from '../credentials/token-failure.js'
import { isChallenge, type HandoverRequest, type Handovers } from './handover.js'
import { handoverHeaders, renderHandover } from './handover-page.js'
import { createLogins } from './logins.js'
import { isLate, judgeLostCookie, noteStart } from './lost-cookie.js'
import { judgeReturnAddress } from './return-address.js'

const longestRetryAfterSeconds = 60

export interface LoginOptions {
  handoversOf: (tenant: Tenant) => Handovers
  signals: Signals
}

/** GET /login and GET /login/callback: the authorization code flow with PKCE, state and the client's secret. */
export const loginRoutes: FastifyPluginAsync<LoginOptions> = async (app, { handoversOf, signals }) => {
  // A callback that is loaded twice at once brings its state twice: a second exchange of a code revokes what the first one got (RFC 6749, section 4.1.2).
  const usedStates = new LRUCache<string, true>(atMost(10_000))

  app.get('/login', async (request, reply) => {
    const { returnto, handover, popup } = request.query as Record<string, unknown>
    const wanted = readHandover(handover, popup)
    const { tenant } = request
    const { sessions: { now } } = tenant
    const { url, state, codeVerifier } = await tenant.oauth.authorize(noteStart(request.headers, now()))
    const returnTo = judgeReturnAddress(returnto, tenant)
    const login = { state, codeVerifier, returnTo, startedAt: now(), ...(wanted === undefined ? {} : { handover: wanted }) }
    const logins = createLogins(tenant.sessions)
    keep(reply, logins.write([login, ...logins.read(request.headers.cookie) ?? []]))
    signals.emit('login', 'started')
    return reply.redirect(url.href, 302)
  })

  app.get('/login/callback', async (request, reply) => {
    const { search } = new URL(request.raw.url as string, 'http://localhost')
    const parameters = new URLSearchParams(search)
    const { tenant } = request
    const { sessions: { now } } = tenant
    const logins = createLogins(tenant.sessions)
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
      requireRoom(request, session)
      const code = handoversOf(tenant).issue(session, login.handover.challenge, new URL(login.returnTo).origin)
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
    if (issuers.length === 1 && issuers[0] !== request.tenant.oauth.issuer) throw new GatewayError('GW-LOGIN-ISSUER')
    try {
      const judged = request.tenant.oauth.judgeCallback(parameters, state)
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
      return await request.tenant.oauth.exchange(judged, codeVerifier)
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
