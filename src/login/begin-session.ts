import type { FastifyRequest } from 'fastify'
import type { Session } from '../session/record.js'
import { insteadOf } from './browser-sessions.js'

/**
 * Gives the browser a session. If the same user already has one, it continues under its id with the new tokens, so
 * sockets and other tabs stay.
 * All other sessions that the browser has or is about to get end, and their tokens are revoked, because they would
 * count against the user's limit. `states` are the browser's logins; the session comes from the first of them.
 */
export async function beginSession (request: FastifyRequest, session: Session, states: readonly string[] = []): Promise<Session> {
  requireRoom(request, session)
  return await request.tenant.sessions.noted.alone(states, async () => await begin(request, session, states))
}

async function begin (request: FastifyRequest, session: Session, states: readonly string[]): Promise<Session> {
  const { credentials, sessions: { ended, noted, renewed }, signals } = request.tenant
  const { log, ip: client } = request
  const lives = ({ id }: Session) => !ended.has(id)
  const carried = request.qlikSession.all()
  // The answer to another user's sign-in may have arrived before this browser's last one. Then the cookie holds a
  // replaced session.
  const names = [...states.slice(1), ...carried.map(insteadOf)]
  const known = () => [request.qlikSession.peek() ?? [], noted.known(names)].flat().filter(lives)
  await noted.learn(names)
  await Promise.all(known().map(async ({ grant }) => { await credentials.follow(grant) }))
  // No await from here on: a logout or another tab's sign-in comes before all of this or after all of it.
  const all = new Set([...known(), ...carried.filter(lives)])
  const continued = known().find(({ subject }) => subject !== undefined && subject === session.subject)
  const former = [...all].filter(({ id }) => id === continued?.id)
  for (const previous of all) {
    if (former.includes(previous)) continue
    credentials.release(previous, log)
    ended.end(previous.id)
    const { id: sessionId, subject } = previous
    signals.emit('session', { event: 'session-ended', reason: 'another-user', sessionId, subject, log, client })
  }
  const { session: begun, told } = continued === undefined
    ? { session, told: Promise.resolve() }
    : credentials.succeed(former, { ...session, id: continued.id }, log)
  const { createdAt, grant } = begun
  if (continued !== undefined) renewed.renew(begun.id, { createdAt, generation: 'generation' in grant ? grant.generation : 0 })
  request.qlikSession.replace(begun)
  const displaced = [...carried, ...all].filter(({ id }) => id !== begun.id)
  const notedEverywhere = noted.note([...states.slice(0, 1), ...displaced.map(insteadOf)], begun)
  signals.emit('session', { event: 'sign-in', sessionId: begun.id, subject: begun.subject, log, client })
  await Promise.all([told, notedEverywhere])
  return begun
}

/**
 * Raises GW-SESSION-TOO-LARGE if the session does not fit into cookies, and revokes its tokens, which nobody could use.
 */
export function requireRoom (request: FastifyRequest, session: Session): void {
  try {
    request.qlikSession.requireFit(session)
  } catch (error) {
    request.tenant.credentials.release(session, request.log)
    throw error
  }
}
