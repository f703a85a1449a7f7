import type { FastifyReply, FastifyRequest } from 'fastify'
import type { InteractionResults } from 'oidc-provider'
import type { ProviderInstance } from './provider-module.js'

/** Ends an interaction with its result and sends the browser on to the authorization endpoint. */
export async function finishInteraction (provider: ProviderInstance, request: FastifyRequest, reply: FastifyReply, result: InteractionResults): Promise<FastifyReply> {
  const { uid } = await provider.interactionDetails(request.raw, reply.raw)
  const returnTo = await provider.interactionResult(request.raw, reply.raw, result)
  // The library leaves this cookie in the jar for an hour; browsers drop the oldest cookies of a host beyond some 180, the gateway's session among them.
  const path = request.url.slice(0, request.url.indexOf(uid) + uid.length)
  provider.createContext(request.raw, reply.raw).cookies.set(provider.cookieName('interaction'), null, { path })
  return await reply.redirect(returnTo, 303)
}
