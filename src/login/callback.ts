import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { createHash } from 'node:crypto'
import * as oauth from 'oauth4webapi'
import { refuseSpeculation } from '../admission/speculation.js'
import { subjectOf } from '../credentials/subject.js'
import type { TokenFailure } from '../credentials/token-failure.js'
import { GatewayError, type ErrorCode } from '../errors.js'
import { startSession, type Session, type TokenSet } from '../session/record.js'
import { perTenant } from '../tenants/per-tenant.js'
import { ownCallback } from '../settings/tenant-options.js'
import type { TenantRegistry } from '../tenants/registry.js'
import type { Tenant } from '../tenants/tenant.js'
import { beginSession, requireRoom } from './begin-session.js'
import { signOut, statesUnderWay } from './browser-sessions.js'
import { handoverHeaders, renderHandover } from './handover-page.js'
import type { Handovers } from './handover.js'
import { createLogins, loginSeconds, type Login } from './logins.js'
import { isLate, isNoted, judgeLostCookie } from './lost-cookie.js'
import { keepCookies } from './login-cookies.js'
import { createReturns } from './returns.js'
import { findOwner, goOn } from './shared-callback.js'
import type { SignIns } from './sign-ins.js'

const longestRetryAfterSeconds = 60

export interface CallbackOptions {
  handoversOf: (tenant: Tenant) => Handovers
  /** Refuses users who may not have a session, and revokes their tokens. */
  requireAllowedUser: (request: FastifyRequest, session: Session) => Promise<void> | undefined
  signInsOf: (tenant: Tenant) => SignIns
  registry: TenantRegistry
}

/** GET /login/callback: exchanges the code that the tenant sent for a session, once. */
export const callbackRoute = fp<CallbackOptions>(async (app, { handoversOf, requireAllowedUser, signInsOf, registry }) => {
  const takeOnceOf = perTenant(tenant => tenant.once('login', loginSeconds * 1000))

  app.get('/login/callback', async (request, reply) => {
    refuseSpeculation(request)
    const parameters = new URLSearchParams(new URL(request.raw.url as string, 'http://localhost').search)
    const state = parameters.get('state') ?? ''
    const owner = findOwner(registry, ownCallback(request.tenant.publicUrl), state)
    if (owner !== undefined && owner !== request.tenant) return goOn(request, reply, owner)
    const { login, arrived } = createLogins(request.tenant.sessions).find(state, request.headers.cookie)
    if (login === undefined) return goBack(request, reply, judgeStranger(request, state, arrived))
    try {
      return await complete(request, reply, login, parameters)
    } catch (error) {
      if (error instanceof GatewayError) error.beginAgainAt = login.returnTo
      throw error
    }
  })

  async function complete (request: FastifyRequest, reply: FastifyReply, login: Login, parameters: URLSearchParams): Promise<FastifyReply> {
    const { tenant, headers: { cookie } } = request
    const logins = createLogins(tenant.sessions)
    const known = signInsOf(tenant).find(login.state)
    const late = tenant.sessions.now() - login.startedAt >= loginSeconds * 1000
    if (late || known?.answered === true) {
      if (request.qlikSession.peek() === undefined) throw new GatewayError(late ? 'GW-LOGIN-LATE' : 'GW-LOGIN-STATE')
      keepCookies(reply, tenant.signals, logins.clear(login.state, cookie))
      return goBack(request, reply, login.returnTo)
    }
    const judged = judge(request, parameters, login.state)
    const signIn = known ?? signInsOf(tenant).begin(login, async () => await exchange(request, judged, login), isSpent)
    let session: Session
    try {
      session = await signIn.result
    } catch (error) {
      // The cookie records the attempt, so that another replica does not take the next attempt for this one.
      if (!isSpent(error)) keepCookies(reply, tenant.signals, logins.write({ ...login, attempts: login.attempts + 1 }, cookie))
      throw error
    }
    reply.raw.once('finish', () => { signIn.answered = true })
    const cleared = logins.clear(login.state, cookie)
    if (login.handover !== undefined) {
      keepCookies(reply, tenant.signals, cleared)
      const code = handoversOf(tenant).issue(session, login.handover.challenge, new URL(login.returnTo).origin)
      return reply.headers(handoverHeaders).send(renderHandover(login.handover, code, login.returnTo))
    }
    if (signIn.signedOut) {
      signOut(request, session)
      keepCookies(reply, tenant.signals, cleared)
      return goBack(request, reply, login.returnTo)
    }
    // The same code came twice, for example from a double click. The browser may have discarded the answer to the first
    // request.
    if (known !== undefined) request.qlikSession.replace(session)
    const returns = createReturns(tenant.sessions)
    const returned = returns.read(cookie)
    keepCookies(reply, tenant.signals, [...cleared, ...returns.write({ ...returned, logins: returned.logins + 1, state: login.state })])
    return goBack(request, reply, login.returnTo)
  }

  /**
   * Decides where a callback without its login cookie leads: back to the page, if the browser is signed in. Otherwise
   * raises the reason.
   */
  function judgeStranger (request: FastifyRequest, state: string, arrived: boolean): string {
    const { tenant, headers } = request
    const known = signInsOf(tenant).find(state)
    if (isNoted(state) && request.qlikSession.peek() !== undefined) return known?.login.returnTo ?? tenant.home
    const now = tenant.sessions.now()
    const keepsCookies = known !== undefined || createLogins(tenant.sessions).all(headers.cookie).length > 0
    const code = keepsCookies && !arrived
      ? isLate(state, now) ? 'GW-LOGIN-LATE' : 'GW-LOGIN-STATE'
      : judgeLostCookie(state, headers, arrived, now)
    if (!keepsCookies) request.log.warn({ code }, 'a login came back without its cookie')
    const error = new GatewayError(code)
    if (known !== undefined) error.beginAgainAt = known.login.returnTo
    throw error
  }

  async function exchange (request: FastifyRequest, judged: URLSearchParams, login: Login): Promise<Session> {
    const { tenant } = request
    const { sessions: { now } } = tenant
    const attempt = createHash('sha256').update(`${login.state} ${login.attempts}`).digest('base64url')
    if (!await takeOnceOf(tenant)(attempt)) throw new GatewayError('GW-LOGIN-STATE')
    const tokens = await exchangeCode(request, judged, login.codeVerifier)
    const subject = subjectOf(tokens.accessToken) ?? (await tenant.api.readProfile(attempt, tokens.accessToken))?.id
    const session = { ...startSession(tokens, now()), ...(subject === undefined ? {} : { subject }) }
    await requireAllowedUser(request, session)
    tenant.signals.emit('login', 'completed')
    if (login.handover === undefined) {
      return await beginSession(request, session, [...new Set([login.state, ...statesUnderWay(request)])])
    }
    // Checked before the window reports success: the page that takes the code over could not keep the session.
    requireRoom(request, session)
    return session
  }
}, { name: 'callback', fastify: '5.x', encapsulate: true, dependencies: ['admission', 'session'] })

function goBack (request: FastifyRequest, reply: FastifyReply, address: string): FastifyReply {
  return reply.header('cache-control', 'no-store').redirect(address, 303)
}

/**
 * Whether the code is useless after this failure. If the tenant did not answer, it may not have seen the code; and if
 * it refused the client, it did not judge the code.
 */
function isSpent (failure: unknown): boolean {
  return !(failure instanceof GatewayError && (failure.code === 'GW-TENANT-BUSY' || failure.code === 'GW-CLIENT-REFUSED'))
}

function judge (request: FastifyRequest, parameters: URLSearchParams, state: string): URLSearchParams {
  const issuers = parameters.getAll('iss')
  if (issuers.length === 1 && issuers[0] !== request.tenant.oauth.issuer) throw new GatewayError('GW-LOGIN-ISSUER')
  try {
    const judged = request.tenant.oauth.judgeCallback(parameters, state)
    const codes = parameters.getAll('code')
    if (codes.length === 1 && codes[0] !== '') return judged
  } catch (error) {
    if (error instanceof oauth.AuthorizationResponseError) {
      request.log.info({ error: plain(error.error), errorCode: plain(parameters.get('error_code')) }, 'the tenant ended the login')
      throw new GatewayError(error.error === 'access_denied' ? 'GW-LOGIN-DENIED' : 'GW-LOGIN-REFUSED')
    }
  }
  throw new GatewayError('GW-LOGIN-PARAMETERS')
}

async function exchangeCode (request: FastifyRequest, judged: URLSearchParams, codeVerifier: string): Promise<TokenSet> {
  try {
    return await request.tenant.oauth.exchange(judged, codeVerifier)
  } catch (error) {
    const failure = error as TokenFailure
    request.log.warn({ failure: failure.message, cause: (failure.cause as Error | undefined)?.message }, 'the code was not exchanged')
    throw new GatewayError(codeOf[failure.kind], {
      cause: failure,
      ...(failure.kind === 'unavailable' || failure.kind === 'client'
        ? { retryAfterSeconds: Math.min(failure.retryAfterSeconds ?? 5, longestRetryAfterSeconds) }
        : {})
    })
  }
}

const codeOf: Record<TokenFailure['kind'], ErrorCode> = {
  client: 'GW-CLIENT-REFUSED',
  refused: 'GW-LOGIN-EXCHANGE',
  limited: 'GW-TOO-MANY-TOKENS',
  unavailable: 'GW-TENANT-BUSY'
}

/** An error code from the query is logged only if it is a single word, never as free text. */
function plain (code: string | null): string | undefined {
  return code !== null && /^[\w-]{1,40}$/.test(code) ? code : undefined
}
