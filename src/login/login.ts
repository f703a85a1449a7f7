import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { refuseSpeculation } from '../admission/speculation.js'
import { GatewayError } from '../errors.js'
import type { Signals } from '../signals.js'
import type { Tenant } from '../tenants/tenant.js'
import { isChallenge, type HandoverRequest } from './handover.js'
import { keepCookies } from './login-cookies.js'
import { createLogins } from './logins.js'
import { noteStart } from './lost-cookie.js'
import { judgeReturnAddress } from './return-address.js'
import type { SignIns } from './sign-ins.js'

export interface LoginOptions {
  signInsOf: (tenant: Tenant) => SignIns
  signals: Signals
}

/** GET /login: the way to the tenant, with PKCE and state (authorization code flow). */
export const loginRoute: FastifyPluginAsync<LoginOptions> = async (app, { signals }) => {
  app.get('/login', async (request, reply) => {
    refuseSpeculation(request)
    const { returnto, handover, popup } = request.query as Record<string, unknown>
    if (request.tenant.impersonation !== undefined) return leadToHost(request, reply, returnto)
    const wanted = readHandover(handover, popup)
    const { tenant, headers } = request
    const { now } = tenant.sessions
    const { url, state, codeVerifier } = await tenant.oauth.authorize(noteStart(headers, now()))
    const login = {
      state,
      codeVerifier,
      returnTo: judgeReturnAddress(returnto, tenant),
      startedAt: now(),
      attempts: 0,
      ...(wanted === undefined ? {} : { handover: wanted })
    }
    keepCookies(reply, signals, createLogins(tenant.sessions).write(login, headers.cookie))
    signals.emit('login', 'started')
    return reply.redirect(url.href, 302)
  })
}

/** Back, for a user whom the host application names; else to where they sign in there. */
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

/** What `handover` and `popup` in the query of /login ask for. Raises GW-HANDOVER for what is no challenge. */
function readHandover (challenge: unknown, popup: unknown): HandoverRequest | undefined {
  if (challenge === undefined) return undefined
  if (!isChallenge(challenge)) throw new GatewayError('GW-HANDOVER')
  return { challenge, popup: popup !== undefined }
}
