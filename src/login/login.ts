import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { refuseSpeculation } from '../admission/speculation.js'
import { GatewayError } from '../errors.js'
import { isChallenge, type HandoverRequest } from './handover.js'
import { keepCookies } from './login-cookies.js'
import { findLoginWay } from './login-way.js'
import { createLogins } from './logins.js'
import { noteStart } from './lost-cookie.js'
import { judgeReturnAddress } from './return-address.js'
import { createReturns } from './returns.js'

/**
 * GET /login: redirects straight back if there is a session, otherwise to the tenant (authorization code flow with PKCE
 * and state).
 */
export const loginRoute = fp(async app => {
  app.get('/login', async (request, reply) => {
    refuseSpeculation(request)
    const { returnto, handover, popup, prompt } = request.query as Record<string, unknown>
    if (request.tenant.impersonation !== undefined) return leadToHost(request, reply, returnto)
    const wanted = readHandover(handover, popup)
    const { tenant, headers } = request
    const { now } = tenant.sessions
    const returnTo = judgeReturnAddress(returnto, tenant)
    // A session for another window is not this browser's, and `prompt=login` asks for the login form in any case.
    if (wanted === undefined && prompt !== 'login') {
      const returns = createReturns(tenant.sessions)
      const returned = returns.read(headers.cookie)
      const way = await findLoginWay(request, returned)
      if (way === 'back') {
        keepCookies(reply, tenant.signals, returns.write({ ...returned, straight: returned.straight + 1, logins: 0 }))
        return reply.redirect(returnTo, 302)
      }
      if (way !== 'login') {
        request.log.warn({ code: way }, 'a login leads nowhere')
        // The page has a button with which the user starts again.
        keepCookies(reply, tenant.signals, returns.clear(headers.cookie))
        throw Object.assign(new GatewayError(way), { beginAgainAt: returnTo })
      }
    }
    const note = noteStart(headers, now(), tenant.options.callbackUrl === undefined ? undefined : tenant.name)
    const { url, state, codeVerifier } = await tenant.oauth.authorize(note, prompt === 'login' ? prompt : undefined)
    const login = { state, codeVerifier, returnTo, startedAt: now(), attempts: 0, ...(wanted === undefined ? {} : { handover: wanted }) }
    keepCookies(reply, tenant.signals, createLogins(tenant.sessions).write(login, headers.cookie))
    tenant.signals.emit('login', 'started')
    return reply.redirect(url.href, 302)
  })
}, { name: 'login', fastify: '5.x', encapsulate: true, dependencies: ['admission', 'session', 'access-token'] })

/**
 * Redirects a user whom the host application names back to the page, and everybody else to where they sign in there.
 */
function leadToHost (request: FastifyRequest, reply: FastifyReply, returnto: unknown): FastifyReply {
  const { tenant } = request
  const address = judgeReturnAddress(returnto, tenant)
  const { signInUrl } = tenant.options
  reply.header('cache-control', 'no-store')
  if (request.qlikSession.peek() !== undefined) return reply.redirect(address, 303)
  if (signInUrl === undefined) throw new GatewayError('GW-SIGN-IN-ELSEWHERE')
  const url = new URL(signInUrl)
  url.searchParams.set('returnto', address)
  return reply.redirect(url.href, 302)
}

/** Reads `handover` and `popup` from the query of /login. Raises GW-HANDOVER if the challenge is malformed. */
function readHandover (challenge: unknown, popup: unknown): HandoverRequest | undefined {
  if (challenge === undefined) return undefined
  if (!isChallenge(challenge)) throw new GatewayError('GW-HANDOVER')
  return { challenge, popup: popup !== undefined }
}
