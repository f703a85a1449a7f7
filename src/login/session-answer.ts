import type { FastifyReply, FastifyRequest } from 'fastify'
import { judgeOrigin } from '../admission/origin.js'
import { GatewayError } from '../errors.js'
import { sealHeld } from '../session/held.js'
import { thumbprintOf } from '../session/proof.js'
import type { Session } from '../session/record.js'

/** A page that asks for a session: its origin, and the thumbprint of the key by which it would prove one that it holds itself. */
export interface AskingPage { origin: string, thumbprint: string | undefined }

/** Judges a page before anything is used up that works once. Raises GW-FOREIGN-ORIGIN, and GW-HANDOVER for a key that is none. */
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

/** Answers with a session as a cookie of the page's partition; with a key also for the page itself, for a browser that keeps no cookie. */
export function sendSession (
  { tenant: { sessions } }: FastifyRequest, reply: FastifyReply, session: Session, { origin, thumbprint }: AskingPage
): FastifyReply {
  if (thumbprint === undefined) return reply.code(204).send()
  // The page cannot know yet whether its browser keeps the cookie. Its clock may be wrong, and proofs are dated.
  return reply.send({ session: sealHeld(sessions, { session, thumbprint, origin }), now: sessions.now() })
}
