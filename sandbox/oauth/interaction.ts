import type { FastifyReply, FastifyRequest } from 'fastify'
import type { InteractionResults } from 'oidc-provider'
import type { ProviderInstance } from './provider-module.js'

/** Completes an interaction and redirects the browser back to the authorization endpoint. */
export async function finishInteraction (
  provider: ProviderInstance,
  request: FastifyRequest,
  reply: FastifyReply,
  result: InteractionResults
): Promise<FastifyReply> {
  const { uid } = await provider.interactionDetails(request.raw, reply.raw)
  const returnTo = await provider.interactionResult(request.raw, reply.raw, result)
  // oidc-provider keeps this cookie for an hour. Browsers drop the oldest cookies of a host once it has about 180 of them,
  // and after many logins that would be the session cookie of a gateway on the same host.
  const path = request.url.slice(0, request.url.indexOf(uid) + uid.length)
  provider.createContext(request.raw, reply.raw).cookies.set(provider.cookieName('interaction'), null, { path })
  return await reply.redirect(returnTo, 303)
}
