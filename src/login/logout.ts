import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { refuseSpeculation } from '../admission/speculation.js'
import { requireTrustedOrigin } from '../admission/trusted-origin.js'
import { GatewayError } from '../errors.js'
import { pageHeaders, renderPage } from '../pages.js'
import { keepCookies } from './login-cookies.js'
import { judgeReturnAddress } from './return-address.js'
import { createReturns } from './returns.js'

/** GET and POST /logout: every session of the browser ends everywhere, its refresh token is revoked, its cookies are cleared. */
export const logoutRoutes: FastifyPluginAsync = async app => {
  function endSessions (request: FastifyRequest, reply: FastifyReply): void {
    const { sessions, credentials, signals } = request.tenant
    const { log, ip: client } = request
    // Left-overs too, of another cookie mode or doubled: what is cleared here is not to live on elsewhere.
    for (const session of request.qlikSession.all()) {
      if (sessions.ended.has(session.id)) continue
      sessions.ended.end(session.id)
      credentials.release(session, log)
      signals.emit('session', { event: 'sign-out', sessionId: session.id, subject: session.subject, log, client })
    }
    request.qlikSession.drop()
    // Signed out is not the same as a session that was not kept.
    keepCookies(reply, signals, createReturns(sessions).clear(request.headers.cookie))
  }

  app.get('/logout', async (request, reply) => {
    refuseSpeculation(request)
    const { returnto } = request.query as { returnto?: unknown }
    const { options, url, home } = request.tenant
    const returnTo = judgeReturnAddress(returnto, request.tenant)
    const { 'sec-fetch-mode': mode = 'navigate', 'sec-fetch-site': site } = request.headers
    // A link or an image on a foreign page must not sign anybody out (login CSRF's sibling).
    // Node's fetch says `cors` for programs; browsers never do without a site.
    if (mode !== 'navigate' && (mode !== 'cors' || site !== undefined)) throw new GatewayError('GW-NO-NAVIGATION')
    if (site === 'cross-site') {
      // Browsers judge each redirect of a form by this.
      const leadsTo = `form-action 'self' ${url.origin} ${new URL(returnTo).origin}`
      const policy = pageHeaders['content-security-policy'].replace("form-action 'self'", leadsTo)
      return reply.headers({ ...pageHeaders, 'content-security-policy': policy }).send(renderPage({
        title: 'Sign out?',
        text: 'Another site asks to sign you out. Nothing has changed yet.',
        action: { label: 'Sign out', href: `${home}logout`, query: returnTo === home ? {} : { returnto: returnTo } }
      }))
    }
    endSessions(request, reply)
    return reply.redirect(options.logoutTenant ? new URL('/logout', url).href : returnTo, 303)
  })

  // Whatever body comes along says nothing here, and must not be refused for its type.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume()
    done(null)
  })

  app.post('/logout', async (request, reply) => {
    if (request.qlikSession.peek() !== undefined) requireTrustedOrigin(request)
    endSessions(request, reply)
    return reply.code(204).send()
  })
}
