import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import { cookieBytes, type ReceivedCookie } from './cookies.js'
import { readSession, sessionEndsAt, type Session, type SessionLimits } from './record.js'
import type { RequestSession } from './request-session.js'
import type { SessionSettings } from './session-settings.js'

// The time of the last use is written to the cookie once a tenth of the idle time has passed, so that most answers set
// no cookie. If a tenth is less than a minute, each use is written.
const shortestUnwrittenMs = 60_000

// A class rather than an object literal with getters. V8 gives each such literal a hidden class, which keeps its
// closures alive until a full garbage collection: with one for each request that took a third of the time.

/** The session that the cookies of one request hold. */
export class CookieSession implements RequestSession {
  readonly provesOrigin = false
  readonly #request: FastifyRequest
  readonly #settings: SessionSettings
  #asked = false
  #received: ReceivedCookie | undefined
  #opened: Session | undefined
  #toWrite: Session | undefined
  /** The last use, as the cookie says. */
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

  requireFit (session: Session): void {
    this.#linesOf(session)
  }

  replace (session: Session): void {
    // Sealed here for its error, which is too late in the onSend hook.
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

  async askReplicas (): Promise<void> {
    if (this.#toWrite !== undefined) await this.#settings.follow(this.#toWrite.grant)
  }

  cookieLines (): string[] {
    const { jar, ended, renewed, newest, signals } = this.#settings
    // A browser that sent none may have got one meanwhile, which is not this answer's to clear.
    if (this.#dropped) return this.#read().parts + this.#read().leftOvers.length === 0 ? [] : jar.clear('session', this.#read())
    // A slow answer that was under way when the user signed out must not bring the session back.
    if (this.#toWrite === undefined || ended.has(this.#toWrite.id)) return []
    // A slow answer must not overwrite newer tokens that the browser has got meanwhile, from this replica or another.
    const grant = newest(this.#toWrite.grant)
    if ('generation' in grant && grant.generation < renewed.last(this.#toWrite.id).generation) return []
    try {
      const lines = this.#linesOf({ ...this.#toWrite, grant })
      signals.emit('cookieSet', 'session', cookieBytes(lines))
      return lines
    } catch {
      // The tokens do not fit into cookies. The request that renewed them got the error.
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
    // If several cookies open, one of them may have been planted, and nobody can tell which.
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
    // The gateway enforces the idle time. The browser cannot, since it does not know of uses that set no cookie.
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

/** Adds to a session what this process knows of later uses and sign-ins; returns the same object if it knows nothing new. */
export function bringUpToDate (written: Session, { lastUse, renewed }: Pick<SessionSettings, 'lastUse' | 'renewed'>): Session {
  const [usedAt, { createdAt }] = [lastUse(written.id), renewed.last(written.id)]
  return usedAt > written.usedAt || createdAt > written.createdAt
    ? { ...written, usedAt: Math.max(usedAt, written.usedAt), createdAt: Math.max(createdAt, written.createdAt) }
    : written
}

/** For how long a use may remain unwritten. */
export function unwrittenMs ({ idleMs }: SessionLimits): number {
  const tenth = idleMs / 10
  return tenth < shortestUnwrittenMs ? 0 : tenth
}
