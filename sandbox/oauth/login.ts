import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from '../front/errors.js'
import { requestedOrigin, type Names } from '../front/names.js'
import type { AuthorizationServer } from './authorization-server.js'
import type { ClientRegistry } from './clients.js'
import { renderConsentPage } from './consent-page.js'
import type { Federation } from './federation.js'
import { finishInteraction } from './interaction.js'
import { renderPage } from './page.js'
import type { UserDirectory } from './users.js'

/** The parts that a login uses. */
export interface LoginOptions {
  names: Names
  server: AuthorizationServer
  clients: ClientRegistry
  users: UserDirectory
  federation: Federation
}

/**
 * The tenant's login: the way to the identity provider and back, consent, and the end of the browser's session at the
 * tenant.
 */
export const login: FastifyPluginAsync<LoginOptions> = async (app, { names, server, clients, users, federation }) => {
  const { provider } = server
  /** Users who have signed in at the identity provider, by the login that waits for them. */
  const signedIn = new Map<string, string>()

  const findInteraction = async (request: FastifyRequest, reply: FastifyReply) => {
    try {
      return await provider.interactionDetails(request.raw, reply.raw)
    } catch {
      throw new Refusal(400, 'LOGIN-1', 'Login failed', 'This login is not under way in this browser. Start again from the application.')
    }
  }

  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    done(null, new URLSearchParams(String(body)))
  })

  app.get('/interaction/:uid', async (request, reply) => {
    const { uid, prompt, params } = await findInteraction(request, reply)
    if (prompt.name === 'consent') {
      const client = clients.require(String(params.client_id))
      reply.header('cache-control', 'no-store').header('x-frame-options', 'DENY')
      return await reply.type('text/html').send(renderConsentPage(client.name, String(params.scope).split(' ')))
    }
    const address = await federation.begin(uid, requestedOrigin(request.raw, names))
    return await reply.redirect(address.href, 302)
  })

  app.get('/login/callback', async (request, reply) => {
    const { loginId, claims } = await federation.complete(new URL(request.url, names.origin))
    signedIn.set(loginId, users.signIn(claims).id)
    return await reply.redirect(`/interaction/${loginId}/done`, 302)
  })

  // The interaction's cookie is bound to this path. It proves that the same browser began and ends the login.
  app.get('/interaction/:uid/done', async (request, reply) => {
    const { uid } = await findInteraction(request, reply)
    const userId = signedIn.get(uid)
    signedIn.delete(uid)
    if (userId === undefined) {
      throw new Refusal(400, 'LOGIN-1', 'Login failed', 'Nobody has signed in for this login. Start again from the application.')
    }
    const result = users.isDisabled(userId)
      ? { error: 'access_denied', error_description: 'The user is disabled.' }
      : { login: { accountId: userId } }
    return await finishInteraction(provider, request, reply, result)
  })

  app.post<{ Body: URLSearchParams }>('/interaction/:uid', async (request, reply) => {
    const { prompt, params, session } = await findInteraction(request, reply)
    if (prompt.name !== 'consent' || !session) throw new Refusal(400, 'LOGIN-3', 'Bad request', 'No consent is asked for.')
    const result = request.body.get('decision') === 'allow'
      ? { consent: { grantId: await server.grantConsent(session.accountId, String(params.client_id), String(params.scope)) } }
      : { error: 'access_denied', error_description: 'The user denied access.' }
    return await finishInteraction(provider, request, reply, result)
  })

  app.get('/logout', async (request, reply) => {
    const context = provider.createContext(request.raw, reply.raw)
    const session = await provider.Session.get(context)
    await session.destroy()
    context.cookies.set(provider.cookieName('session'), null)
    return await reply
      .type('text/html')
      .send(
        renderPage(
          'Signed out · sandbox tenant',
          '<h1>You are signed out of the tenant</h1>' +
          '<p class="quiet">The identity provider still knows you: it will not ask for a password at the next sign-in.</p>'
        )
      )
  })
}
