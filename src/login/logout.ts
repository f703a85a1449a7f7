import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { judgeOrigin } from '../admission/origin.js'
import { refuseSpeculation } from '../admission/speculation.js'
import { requireTrustedOrigin } from '../admission/trusted-origin.js'
import { GatewayError } from '../errors.js'
import { pageHeaders, renderPage } from '../pages.js'
import type { Tenant } from '../tenants/tenant.js'
import { findSessionsBesides, signOut, statesUnderWay } from './browser-sessions.js'
import { keepCookies } from './login-cookies.js'
import { judgeReturnAddress } from './return-address.js'
import { createReturns } from './returns.js'
import type { SignIns } from './sign-ins.js'

export interface LogoutOptions {
  signInsOf: (tenant: Tenant) => SignIns
}

/**
 * GET and POST /logout: ends every session of the browser on all replicas, revokes its refresh tokens and clears its
 * cookies.
 */
export const logoutRoutes = fp<LogoutOptions>(async (app, { signInsOf }) => {
  function endSessions (request: FastifyRequest, reply: FastifyReply): void {
    const { sessions, signals } = request.tenant
    // Includes duplicates and cookies of another cookie mode: a session that is cleared here must not live on
    // elsewhere.
    for (const session of request.qlikSession.all()) signOut(request, session)
    request.qlikSession.drop()
    // Another replica may be exchanging a code. If its session is not kept, the next login revokes its tokens by this
    // state.
    const [state] = statesUnderWay(request)
    const returns = createReturns(sessions)
    keepCookies(
      reply,
      signals,
      state === undefined ? returns.clear(request.headers.cookie) : returns.write({ since: sessions.now(), straight: 0, logins: 0, state })
    )
  }

  /**
   * Ends logins under way as well: otherwise a code that is being exchanged, or an answer on its way, would sign the
   * user in again.
   */
  async function endSignIns (request: FastifyRequest): Promise<void> {
    for (const state of statesUnderWay(request)) {
      const signIn = signInsOf(request.tenant).find(state)
      if (signIn !== undefined) signIn.signedOut = true
    }
    for (const session of await findSessionsBesides(request)) signOut(request, session)
  }

  app.get('/logout', async (request, reply) => {
    refuseSpeculation(request)
    const { returnto } = request.query as { returnto?: unknown }
    const { options, url, home } = request.tenant
    const returnTo = judgeReturnAddress(returnto, request.tenant)
    const { 'sec-fetch-mode': mode = 'navigate', 'sec-fetch-site': site } = request.headers
    // A link or an image on a foreign page must not sign anybody out (logout CSRF).
    // Node's fetch sends the mode `cors` without Sec-Fetch-Site. Browsers never do that.
    if (mode !== 'navigate' && (mode !== 'cors' || site !== undefined)) throw new GatewayError('GW-NO-NAVIGATION')
    if (site === 'cross-site') {
      // Browsers check each redirect of a form against this directive.
      const leadsTo = `form-action 'self' ${url.origin} ${new URL(returnTo).origin}`
      const policy = pageHeaders['content-security-policy'].replace("form-action 'self'", leadsTo)
      return reply.headers({ ...pageHeaders, 'content-security-policy': policy }).send(renderPage({
        title: 'Sign out?',
        text: 'Another site asks to sign you out. Nothing has changed yet.',
        action: { label: 'Sign out', href: `${home}logout`, query: returnTo === home ? {} : { returnto: returnTo } }
      }))
    }
    endSessions(request, reply)
    await endSignIns(request)
    return reply.redirect(options.logoutTenant ? new URL('/logout', url).href : returnTo, 303)
  })

  // The body of a logout is ignored, so it must not be refused because of its content type.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume()
    done(null)
  })

  app.post('/logout', async (request, reply) => {
    const { headers, tenant } = request
    const lives = request.qlikSession.peek() !== undefined
    if (lives) requireTrustedOrigin(request)
    endSessions(request, reply)
    if (lives || judgeOrigin(headers, tenant.publicOrigin, tenant.embedOrigins) === 'ours') await endSignIns(request)
    return reply.code(204).send()
  })
}, { name: 'logout', fastify: '5.x', encapsulate: true, dependencies: ['admission', 'session'] })
