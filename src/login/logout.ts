import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { Proof } from '../admission/admission.js'
import { pageHeaders, renderPage } from '../pages.js'
import type { EndedSessions } from '../session/ended.js'
import { judgeReturnAddress, type ReturnRules } from './return-address.js'
import type { Revocation } from '../credentials/authorization-code/revocation.js'

export interface LogoutOptions {
  ended: EndedSessions
  revoke: Revocation['revoke']
  prove: Proof
  returnRules: ReturnRules
  /** Where to go on to, to end the tenant's own session in this browser as well; or nowhere. */
  tenantLogout: string | undefined
}

/** GET and POST /logout: the session ends everywhere, its refresh token is revoked, its cookies are cleared. */
export const logoutRoutes: FastifyPluginAsync<LogoutOptions> = async (app, { ended, revoke, prove, returnRules, tenantLogout }) => {
  function endSession (request: FastifyRequest): void {
    const session = request.qlikSession.peek()
    if (session !== undefined) {
      ended.end(session.id)
      revoke(session.tokens, request.log)
    }
    request.qlikSession.drop()
  }

  app.get('/logout', async (request, reply) => {
    // A link or an image on a foreign page must not sign anybody out (login CSRF's sibling).
    if (request.headers['sec-fetch-site'] === 'cross-site') {
      return reply.headers(pageHeaders).send(renderPage({
        title: 'Sign out?',
        text: 'Another site asks to sign you out. Nothing has changed yet.',
        action: { label: 'Sign out', href: `${returnRules.home}logout` }
      }))
    }
    const { returnto } = request.query as { returnto?: unknown }
    endSession(request)
    return reply.redirect(tenantLogout ?? judgeReturnAddress(returnto, returnRules), 303)
  })

  // Whatever body comes along says nothing here, and must not be refused for its type.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume()
    done(null)
  })

  app.post('/logout', async (request, reply) => {
    if (request.qlikSession.peek() !== undefined) prove(request)
    endSession(request)
    return reply.code(204).send()
  })
}
