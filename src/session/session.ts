import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { onRequestHook } from '../hooks.js'
import { CookieSession, type SessionSettings } from './cookie-session.js'
import type { RequestSession } from './request-session.js'

export interface SessionOptions {
  /** The settings of the tenant that a request is for. */
  settingsOf: (request: FastifyRequest) => SessionSettings
}

/** Gives every request its session, and every answer the cookies that keep it. */
export const sessionPlugin = fp<SessionOptions>(async (app, { settingsOf }) => {
  app.decorateRequest('qlikSession')
  app.addHook('onRequest', onRequestHook(request => {
    request.qlikSession = new CookieSession(request, settingsOf(request))
    return false
  }))
  app.addHook('onSend', (request, reply, payload, done) => {
    // What was refused or answered before it came here has no session to write.
    const session = request.qlikSession as RequestSession | undefined
    if (session?.writes !== true) {
      done(null, payload)
      return
    }
    session.catchUp().then(() => {
      const lines = session.cookieLines()
      // A cache that stored this answer would hand one user's session to the next.
      if (lines.length > 0) reply.header('set-cookie', lines).header('cache-control', 'no-store')
      done(null, payload)
    }, done)
  })
}, { name: 'session', fastify: '5.x' })
