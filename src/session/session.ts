import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { CookieSession } from './cookie-session.js'
import { openHeldSession, sessionHeader } from './holder.js'
import { addTicket } from './redirect.js'
import type { RequestSession } from './request-session.js'
import type { SessionSettings } from './session-settings.js'

export interface SessionOptions {
  /** The settings of the tenant that a request is for. */
  settingsOf: (request: FastifyRequest) => SessionSettings
}

/** Gives every request its session, and writes it to the answer: as cookies, or as a header for a page that holds its session. */
export const sessionPlugin = fp<SessionOptions>(async (app, { settingsOf }) => {
  app.decorateRequest('qlikSession')
  app.addHook('onRequest', (request, _reply, done) => {
    const settings = settingsOf(request)
    const held = openHeldSession(request, settings)
    if (held === undefined) {
      request.qlikSession = new CookieSession(request, settings)
      done()
      return
    }
    held.then(session => {
      request.qlikSession = session
      done()
    }, done)
  })
  app.addHook('onSend', (request, reply, payload, done) => {
    // A request that an earlier hook has refused or answered has no session.
    const session = request.qlikSession as RequestSession | undefined
    if (session?.issueTicket !== undefined && reply.statusCode >= 300) addTicket(request, reply)
    if (session?.writes !== true) {
      done(null, payload)
      return
    }
    session.askReplicas().then(() => {
      const lines = session.cookieLines()
      // A cache that stores this answer would give the session of one user to the next.
      if (lines.length > 0) reply.header('set-cookie', lines).header('cache-control', 'no-store')
      const renewed = session.renewed?.()
      if (renewed !== undefined) reply.header(sessionHeader, renewed).header('cache-control', 'no-store')
      done(null, payload)
    }, done)
  })
}, { name: 'session', fastify: '5.x' })
