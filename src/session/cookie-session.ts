import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import { cookieBytes, type ReceivedCookie } from './cookies.js'
import { readSession, sessionEndsAt, type Session, type SessionLimits } from './record.js'
import type { RequestSession } from './request-session.js'
import type { SessionSettings } from './session-settings.js'

// The idle time is written once a tenth of it has passed, so that most answers set no cookie; at once where a tenth is under a minute.
const writtenShare = 10
const shortestUnwrittenMs = 60_000

// An object literal with getters has a hidden class of its own, which keeps what its functions see until a full collection of garbage: with
// one for each request a third of the time went there.

/** The session that the cookies of one request hold. */
export class CookieSession implements RequestSession {
  readonly provesOrigin = false
  readonly #request: FastifyRequest
  readonly #settings: SessionSettings
  #asked = false
  #received: ReceivedCookie | undefined
  #opened: Session | undefined
  #toWrite: Session | undefined
  /** The use that the browser's cookie tells of. */
  #writtenUse = 0
  #dropped = false

  constructor (request: FastifyRequest, settings: SessionSettings) {
    this.#request = request
    this.#settings = settings
  }

  get opened (): Session | undefined {
    return this.#toWrite ?? this.#opened
  }

  get writes (): boolean {
    return this.#dropped || this.#toWrite !== undefined
  }

  peek (): Session | undefined {
    if (!this.#asked) this.#open()
    const session = this.opened
    return this.#dropped || session === undefined || this.#settings.ended.has(session.id) ? undefined : session
  }

  use (): Session | undefined {
    const { now, limits } = this.#settings
    const session = this.peek()
    if (session === undefined || now() - this.#writtenUse <= unwrittenMs(limits)) return session
    this.#toWrite = { ...session, usedAt: now() }
    return this.#toWrite
  }

  demandRoom (session: Session): void {
    this.#linesOf(session)
  }

  replace (session: Session): void {
    // Here, where its error is the answer: in the onSend hook it would be too late.
    this.#linesOf(session)
    this.#toWrite = session
    this.#writtenUse = session.usedAt
    this.#dropped = false
  }

  drop (): void {
    this.#dropped = true
    for (const value of this.#read().values) this.#settings.seal.forget(value)
  }

  get arrived (): boolean {
    return this.#read().parts > 0
  }

  all (): Session[] {
    const { values, former } = this.#read()
    const known = new Map<string, Session>()
    for (const value of [...values, ...former]) {
      const session = readSession(this.#settings.seal.open('session', value)?.value)
      if (session !== undefined && !known.has(session.id)) known.set(session.id, session)
    }
    return [...known.values()]
  }

  async catchUp (): Promise<void> {
    if (this.#toWrite !== undefined) await this.#settings.follow(this.#toWrite.grant)
  }

  cookieLines (): string[] {
    const { jar, ended, renewed, newest, signals } = this.#settings
    // A browser that sent none may have got one meanwhile, which is not this answer's to clear.
    if (this.#dropped) return this.#read().parts + this.#read().leftOvers.length === 0 ? [] : jar.clear('session', this.#read())
    // A slow answer that was under way when the user signed out must not bring the session back.
    if (this.#toWrite === undefined || ended.has(this.#toWrite.id)) return []
    // An answer that took long must not bring older tokens into the browser than it may have got meanwhile, here or at a replica.
    const grant = newest(this.#toWrite.grant)
    if ('generation' in grant && grant.generation < renewed.last(this.#toWrite.id).generation) return []
    try {
      const lines = this.#linesOf({ ...this.#toWrite, grant })
      signals.emit('cookieSet', 'session', cookieBytes(lines))
      return lines
    } catch {
      // Those do not fit, which the request that renewed them was told.
      return []
    }
  }

  #read (): ReceivedCookie {
    this.#received ??= this.#settings.jar.read('session', this.#request.headers.cookie)
    return this.#received
  }

  #open (): void {
    const { seal } = this.#settings
    this.#asked = true
    const { values } = this.#read()
    const opened = values.map(value => seal.open('session', value)).filter(each => each !== undefined)
    // Of several that open, nobody can tell which one was planted.
    const written = opened.length === 1 ? readSession(opened[0]?.value) : undefined
    if (written === undefined) return
    const session = bringUpToDate(written, this.#settings)
    if (isOver(session, this.#settings, this.#request.log)) return
    this.#writtenUse = written.usedAt
    this.#opened = session
    if (opened[0]?.stale === true) this.#toWrite = session
  }

  #linesOf (session: Session): string[] {
    const { jar, seal, limits, now } = this.#settings
    // The idle time is judged here, not by the browser, which knows nothing of a use that sends no cookie.
    const maxAgeSeconds = Math.ceil((session.createdAt + limits.maxMs - now()) / 1000)
    return jar.write('session', seal.seal('session', session), maxAgeSeconds, this.#read())
  }
}

/** Whether the time of a session is over, which is signalled then unless it had ended before. */
export function isOver (session: Session, { limits, now, ended, signals }: SessionSettings, log: FastifyBaseLogger): boolean {
  if (sessionEndsAt(session, limits) > now()) return false
  const reason = session.createdAt + limits.maxMs <= now() ? 'lifetime' : 'idle'
  const { id: sessionId, subject } = session
  if (!ended.has(sessionId)) signals.emit('session', { event: 'session-ended', reason, sessionId, subject, log })
  return true
}

/** A session as it was written, with what is known here of its use and of later sign-ins; the same object where that is nothing new. */
export function bringUpToDate (written: Session, { lastUse, renewed }: Pick<SessionSettings, 'lastUse' | 'renewed'>): Session {
  const [usedAt, { createdAt }] = [lastUse(written.id), renewed.last(written.id)]
  return usedAt > written.usedAt || createdAt > written.createdAt
    ? { ...written, usedAt: Math.max(usedAt, written.usedAt), createdAt: Math.max(createdAt, written.createdAt) }
    : written
}

/** For how long a use may stay unwritten. */
export function unwrittenMs ({ idleMs }: SessionLimits): number {
  const share = idleMs / writtenShare
  return share < shortestUnwrittenMs ? 0 : share
}
