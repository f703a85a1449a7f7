import type { FastifyRequest } from 'fastify'
import type { Session } from '../session/record.js'

/**
 * Gives the browser a session. Where the same user has one it goes on under its id with the new tokens: sockets and other tabs stay. Whatever
 * else the browser had, planted or its own, ends; the tokens of before are given back, since they would count against the user's limit.
 * `underWay`: sessions that answers of other tabs are about to bring. `note` hears of the session as soon as it has begun.
 */
export async function beginSession (
  request: FastifyRequest, session: Session, underWay: () => readonly Session[] = () => [], note: (begun: Session) => void = () => {}
): Promise<Session> {
  const { credentials, sessions: { ended }, signals } = request.tenant
  const { log, ip: client } = request
  requireRoom(request, session)
  const lives = ({ id }: Session) => !ended.has(id)
  const known = () => [request.qlikSession.peek() ?? [], underWay()].flat().filter(lives)
  await Promise.all(known().map(async ({ grant }) => { await credentials.follow(grant) }))
  // From here on without a pause: a logout or another tab's sign-in comes before all of this or after it.
  const all = new Set([...known(), ...request.qlikSession.all().filter(lives)])
  const continued = known().find(({ subject }) => subject !== undefined && subject === session.subject)
  const former = [...all].filter(({ id }) => id === continued?.id)
  for (const previous of all) {
    if (former.includes(previous)) continue
    credentials.release(previous, request.log)
    ended.end(previous.id)
    signals.emit('session', { event: 'session-ended', reason: 'another-user', sessionId: previous.id, subject: previous.subject, log, client })
  }
  const { session: begun, told } = continued === undefined
    ? { session, told: Promise.resolve() }
    : credentials.succeed(former, { ...session, id: continued.id }, request.log)
  request.qlikSession.replace(begun)
  note(begun)
  signals.emit('session', { event: 'sign-in', sessionId: begun.id, subject: begun.subject, log, client })
  await told
  return begun
}

/** Raises GW-SESSION-TOO-LARGE for a session that fits into no cookies, and gives back what nobody can use. */
export function requireRoom (request: FastifyRequest, session: Session): void {
  try {
    request.qlikSession.demandRoom(session)
  } catch (error) {
    request.tenant.credentials.release(session, request.log)
    throw error
  }
}
