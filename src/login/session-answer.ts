import type { FastifyReply, FastifyRequest } from 'fastify'
import { judgeOrigin } from '../admission/origin.js'
import { GatewayError } from '../errors.js'
import { sealHeld } from '../session/held.js'
import { thumbprintOf } from '../session/proof.js'
import type { Session } from '../session/record.js'

/**
 * A page that asks for a session: its origin, and the thumbprint of its key if it can hold a session without cookies.
 */
export interface AskingPage { origin: string, thumbprint: string | undefined }

/** Checks a page before any one-time value is used up. Raises GW-FOREIGN-ORIGIN, or GW-HANDOVER for an invalid key. */
export async function judgePage ({ headers, tenant }: FastifyRequest, key: unknown): Promise<AskingPage> {
  const { origin } = headers
  if (origin === undefined || origin === 'null' || judgeOrigin(headers, tenant.publicOrigin, tenant.embedOrigins) === 'foreign') {
    throw new GatewayError('GW-FOREIGN-ORIGIN')
  }
  if (key === undefined || tenant.sessions.holders?.origins.has(origin) !== true) return { origin, thumbprint: undefined }
  const thumbprint = await thumbprintOf(key)
  if (thumbprint === undefined) throw new GatewayError('GW-HANDOVER')
  return { origin, thumbprint }
}

/**
 * Answers with a session as a cookie of the page's partition. A page that sent a key also gets the session itself, in
 * case its browser keeps no cookie.
 */
export function sendSession (
  { tenant: { sessions } }: FastifyRequest, reply: FastifyReply, session: Session, { origin, thumbprint }: AskingPage
): FastifyReply {
  if (thumbprint === undefined) return reply.code(204).send()
  // The page cannot know yet whether its browser keeps the cookie. It gets the time too, because proofs are dated and
  // its clock may be wrong.
  return reply.send({ session: sealHeld(sessions, { session, thumbprint, origin }), now: sessions.now() })
}
