import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import { requireTrustedOrigin } from '../admission/trusted-origin.js'
import { pageHeaders, renderPage } from '../pages.js'
import { judgeReturnAddress } from './return-address.js'

/** GET and POST /logout: the session ends everywhere, its refresh token is revoked, its cookies are cleared. */
export const logoutRoutes: FastifyPluginAsync = async app => {
  function endSession (request: FastifyRequest): void {
    const session = request.qlikSession.peek()
    if (session !== undefined) {
      request.tenant.sessions.ended.end(session.id)
      request.tenant.credentials.release(session, request.log)
    }
    request.qlikSession.drop()
  }

  app.get('/logout', async (request, reply) => {
    // A link or an image on a foreign page must not sign anybody out (login CSRF's sibling).
    if (request.headers['sec-fetch-site'] === 'cross-site') {
      return reply.headers(pageHeaders).send(renderPage({
        title: 'Sign out?',
        text: 'Another site asks to sign you out. Nothing has changed yet.',
        action: { label: 'Sign out', href: `${request.tenant.home}logout` }
      }))
    }
    const { returnto } = request.query as { returnto?: unknown }
    const { options, url } = request.tenant
    endSession(request)
    return reply.redirect(options.logoutTenant ? new URL('/logout', url).href : judgeReturnAddress(returnto, request.tenant), 303)
  })

  // Whatever body comes along says nothing here, and must not be refused for its type.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume()
    done(null)
  })

  app.post('/logout', async (request, reply) => {
    if (request.qlikSession.peek() !== undefined) requireTrustedOrigin(request)
    endSession(request)
    return reply.code(204).send()
  })
}
